using System.Collections.Frozen;

namespace UnifiedMemory.Embeddings;

/// <summary>
/// Words that say little about what a text is about. One text alone has no document frequencies, so a fixed list stands in
/// for them: common English, the words questions are asked with, and the keywords that most source code shares.
/// </summary>
internal static class LexicalStopWords
{
    private static readonly FrozenSet<string> Words = (
        // English
        "a about after all also am an and any are as at be because been before being but by can could did do does doing " +
        "down each few for from further had has have having he her here him his how i if in into is it its itself just me " +
        "more most my no nor not now of off on once only or other our out over own same she should so some such than that " +
        "the their them then there these they this those through to too under until up us very was we were what when where " +
        "which while who whom why will with would you your use used using way want need make get given " +
        // source code
        "args bool case catch class const def default do elif else except false finally float function func import int " +
        "kwargs lambda let main new none null object param params pass private public raise return returns self static str " +
        "string this throw true try type value var void yield python code example").Split(' ').ToFrozenSet(StringComparer.Ordinal);

    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> Lookup =
        Words.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>Whether the lower-case word is in the list.</summary>
    public static bool Contains(ReadOnlySpan<char> word) => Lookup.Contains(word);
}
