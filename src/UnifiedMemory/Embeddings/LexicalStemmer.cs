using System.Buffers;

namespace UnifiedMemory.Embeddings;

/// <summary>
/// Takes the commonest English endings off a lower-case word, so that <c>write</c>, <c>writes</c> and <c>writing</c> share
/// a stem. Far lighter than Porter's stemmer: <c>-ies</c>, <c>-es</c>, <c>-s</c>, <c>-ing</c>, <c>-ed</c>, a doubled consonant
/// before the last two, and a final <c>-e</c>. Stems are never shown, so they need not be words.
/// </summary>
internal static class LexicalStemmer
{
    private const int ShortestStem = 3;

    private static readonly SearchValues<char> Vowels = SearchValues.Create("aeiouy");

    /// <summary>Stems the word in place and returns the length that is left.</summary>
    public static int Stem(Span<char> word)
    {
        if (word.Length <= ShortestStem)
            return word.Length;

        var length = WithoutPlural(word);
        foreach (var ending in (ReadOnlySpan<string>)["ing", "ed"])
        {
            var stem = length - ending.Length;
            if (stem < ShortestStem || !word[..length].EndsWith(ending, StringComparison.Ordinal) || !HasVowel(word[..stem]))
                continue;
            var doubled = word[stem - 1] == word[stem - 2] && stem > ShortestStem && word[stem - 1] is not ('l' or 's' or 'z');
            length = doubled ? stem - 1 : stem;
            break;
        }

        return length > ShortestStem && word[length - 1] == 'e' ? length - 1 : length;
    }

    private static int WithoutPlural(Span<char> word)
    {
        ReadOnlySpan<char> whole = word;
        if (whole.EndsWith("ies") && word.Length > 4)
        {
            word[^3] = 'y';
            return word.Length - 2;
        }

        if (whole.EndsWith("sses") || whole.EndsWith("shes") || whole.EndsWith("ches") || whole.EndsWith("xes"))
            return word.Length - 2;
        var plural = whole[^1] == 's' && whole[^2] is not ('s' or 'u' or 'i');
        return plural ? word.Length - 1 : word.Length;
    }

    private static bool HasVowel(ReadOnlySpan<char> stem) => stem.ContainsAny(Vowels);
}
