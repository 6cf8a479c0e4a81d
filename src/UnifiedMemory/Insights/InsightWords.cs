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

    private static readonly FrozenSet<string> Strong =
        FrozenSet.Create(StringComparer.Ordinal, "always", "never", "use", "avoid", "should", "recommend");

    private readonly HashSet<string> _words = new(StringComparer.Ordinal);

    public InsightWords(string content)
    {
        var text = (content.Length <= MaxCharacters ? content : content[..MaxCharacters]).ToLowerInvariant();
        string? last = null;
        for (var start = 0; TryNext(text, ref start, out var word);)
        {
            // A plural is its singular too, and two words one after the other are a phrase.
            _words.Add(word);
            if (word.Length > 3 && word[^1] == 's')
                _words.Add(word[..^1]);
            if (last is not null)
                _words.Add($"{last} {word}");
            last = word;
        }

        Topics = [.. TopicWords.Where(topic => topic.Words.Any(_words.Contains)).Select(topic => topic.Topic)];
        Type = Types.FirstOrDefault(type => type.Words.Any(_words.Contains)).Type;
        Confidence = Math.Min(
            1,
            0.3 + Math.Min(0.1 * Topics.Count, 0.3)
                + (_words.Overlaps(Strong) ? 0.2 : 0)
                + (content.Length is >= 50 and <= 500 ? 0.1 : 0)
                + (Type is InsightType.Pattern or InsightType.Architecture or InsightType.BestPractice ? 0.1 : 0));
        Confidence = Math.Round(Confidence, 2);
    }

    public InsightType Type { get; }

    public IReadOnlyList<string> Topics { get; }

    public double Confidence { get; }

    private static bool TryNext(string text, ref int start, out string word)
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
