using System.Globalization;

namespace UnifiedMemory.Embeddings;

/// <summary>
/// Cuts a text into words (runs of letters, digits and <c>_</c>) and a word into its parts (at <c>_</c>, at a change from
/// lower to upper case, before the last capital of an acronym, and between letters and digits):
/// <c>parseHTTPUrl2</c> is <c>parse</c>, <c>HTTP</c>, <c>Url</c>, <c>2</c>.
/// </summary>
internal static class LexicalTokens
{
    /// <summary>The range of the next word at or after <paramref name="start"/>; <c>false</c> at the end.</summary>
    public static bool TryNextWord(ReadOnlySpan<char> text, int start, out Range word)
    {
        while (start < text.Length && !IsWordCharacter(text[start]))
            start++;
        var end = start;
        while (end < text.Length && IsWordCharacter(text[end]))
            end++;
        word = start..end;
        return end > start;
    }

    /// <summary>The range of the next part of a word at or after <paramref name="start"/>; <c>false</c> at the end.</summary>
    public static bool TryNextPart(ReadOnlySpan<char> word, int start, out Range part)
    {
        while (start < word.Length && word[start] == '_')
            start++;
        var end = start;
        while (end < word.Length && word[end] != '_' && !(end > start && StartsPart(word, end)))
            end++;
        part = start..end;
        return end > start;
    }

    // Surrogates count: emoji and rare ideographs are worth finding. So do marks, without which Indic words fall apart.
    private static bool IsWordCharacter(char c) => char.IsAsciiLetterOrDigit(c) || c == '_' || (!char.IsAscii(c)
        && (char.IsLetterOrDigit(c) || char.IsSurrogate(c)
            || char.GetUnicodeCategory(c) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark));

    private static bool StartsPart(ReadOnlySpan<char> word, int i)
    {
        var (before, here) = (word[i - 1], word[i]);
        if (char.IsDigit(before) != char.IsDigit(here))
            return true;
        if (!char.IsUpper(here))
            return false;
        return char.IsLower(before) || (i + 1 < word.Length && char.IsLower(word[i + 1]));
    }
}
