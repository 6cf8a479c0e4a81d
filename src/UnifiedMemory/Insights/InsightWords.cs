using System.Collections.Frozen;

namespace UnifiedMemory.Insights;

/// <summary>What the words of an insight say about it: its type, its topics, and how sure one can be of it.</summary>
internal sealed class InsightWords
{
    /// <summary>No insight that is found is longer, and one that is stored may be a megabyte.</summary>
    private const int MaxCharacters = DelimitedText.MaxLength;

    /// <summary>The first that has one of its words in the text is the type.</summary>
    private static readonly (InsightType Type, string[] Words)[] Types =
    [
        (InsightType.Pattern, ["pattern", "approach", "strategy", "idiom", "best practice"]),
        (InsightType.Architecture, ["architecture", "design", "structure", "component", "layer"]),
        (InsightType.BestPractice, ["should", "recommend", "avoid", "prefer"]),
        (InsightType.Gotcha, ["gotcha", "pitfall", "common mistake", "watch out", "be careful"]),
    ];

    private static readonly (string Topic, string[] Words)[] TopicWords =
    [
        ("async", ["async", "await", "asyncio", "coroutine", "future", "task"]),
        ("database", ["database", "sql", "query", "transaction", "orm", "postgresql", "postgres", "index"]),
        ("testing", ["test", "pytest", "mock", "fixture", "assert", "coverage"]),
        ("api", ["api", "endpoint", "http", "rest", "graphql", "request", "response"]),
        ("security", ["security", "authentication", "authorization", "csrf", "xss", "injection"]),
        ("performance", ["performance", "optimization", "caching", "cache", "latency", "throughput"]),
        ("python", ["python", "pip", "virtualenv"]),
        ("architecture", ["architecture", "design", "pattern", "structure", "layer", "component"]),
        ("error-handling", ["error", "exception", "try", "except", "raise", "catch"]),
        ("logging", ["log", "logger", "logging", "debug"]),
        ("type-safety", ["type", "annotation", "pydantic", "validation", "nullable"]),
        ("concurrency", ["concurrent", "concurrency", "thread", "lock", "deadlock", "race"]),
    ];

    private static readonly string[] Strong = ["always", "never", "use", "avoid", "should", "recommend"];

    private const int LongestWord = 32;

    /// <summary>What each word, and each two words that are a phrase, stand for: bits of topics, then of types, then that of the strong ones.</summary>
    private static readonly FrozenDictionary<string, int> Meanings = Words()
        .GroupBy(one => one.Word, one => one.Bit, StringComparer.Ordinal)
        .ToFrozenDictionary(group => group.Key, group => group.Aggregate((one, other) => one | other), StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> Lookup =
        Meanings.GetAlternateLookup<ReadOnlySpan<char>>();

    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> FirstOfPhrases =
        Meanings.Keys.Where(word => word.Contains(' ', StringComparison.Ordinal)).Select(phrase => phrase.Split(' ')[0])
            .ToFrozenSet(StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();

    public InsightWords(string content)
    {
        var found = MeaningOf(content.AsSpan(0, Math.Min(content.Length, MaxCharacters)));
        Topics = [.. TopicWords.Where((_, index) => (found & TopicBit(index)) != 0).Select(topic => topic.Topic)];
        Type = Types.Where((_, index) => (found & TypeBit(index)) != 0).FirstOrDefault().Type;
        var confidence = 0.3 + Math.Min(0.1 * Topics.Count, 0.3)
            + ((found & StrongBit) != 0 ? 0.2 : 0)
            + (content.Length is >= 50 and <= 500 ? 0.1 : 0)
            + (Type is InsightType.Pattern or InsightType.Architecture or InsightType.BestPractice ? 0.1 : 0);
        Confidence = Math.Min(1, Math.Round(confidence, 2));
    }

    public InsightType Type { get; }

    public IReadOnlyList<string> Topics { get; }

    public double Confidence { get; }

    private static int StrongBit => 1 << (TopicWords.Length + Types.Length);

    private static int TopicBit(int index) => 1 << index;

    private static int TypeBit(int index) => 1 << (TopicWords.Length + index);

    private static IEnumerable<(string Word, int Bit)> Words() =>
    [
        .. TopicWords.SelectMany((topic, index) => topic.Words.Select(word => (word, TopicBit(index)))),
        .. Types.SelectMany((type, index) => type.Words.Select(word => (word, TypeBit(index)))),
        .. Strong.Select(word => (word, StrongBit)),
    ];

    /// <summary>Allocates nothing: it is part of each store call of an insight. 2 words of 32 characters at most are a phrase.</summary>
    private static int MeaningOf(ReadOnlySpan<char> text)
    {
        Span<char> phrase = stackalloc char[(2 * LongestWord) + 1];
        var found = 0;
        var before = 0; // of the phrase, with its space: what the last word left
        for (var start = 0; TryNext(text, ref start, out var word);)
        {
            if (word.Length > LongestWord)
            {
                before = 0;
                continue;
            }

            var lower = phrase.Slice(before, word.Length);
            word.ToLowerInvariant(lower);
            found |= Meaning(lower);
            if (before > 0)
                found |= Meaning(phrase[..(before + word.Length)]);
            lower.CopyTo(phrase);
            before = FirstOfPhrases.Contains(phrase[..word.Length]) ? word.Length + 1 : 0;
            if (before > 0)
                phrase[word.Length] = ' ';
        }

        return found;
    }

    /// <summary>A plural is its singular, too.</summary>
    private static int Meaning(ReadOnlySpan<char> word) =>
        (Lookup.TryGetValue(word, out var own) ? own : 0)
        | (word.Length > 3 && word[^1] == 's' && Lookup.TryGetValue(word[..^1], out var singular) ? singular : 0);

    private static bool TryNext(ReadOnlySpan<char> text, ref int start, out ReadOnlySpan<char> word)
    {
        while (start < text.Length && !char.IsLetterOrDigit(text[start]))
            start++;
        var begin = start;
        while (start < text.Length && char.IsLetterOrDigit(text[start]))
            start++;
        word = text[begin..start];
        return word.Length > 0;
    }
}
