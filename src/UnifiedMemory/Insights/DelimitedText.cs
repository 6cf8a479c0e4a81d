namespace UnifiedMemory.Insights;

/// <summary>The insights between their delimiters in a text. One pass over its lines, linear in its length.</summary>
internal static class DelimitedText
{
    public const int MinLength = 30;
    public const int MaxLength = 10_000;

    private const char Star = '★';
    private const char Dash = '─';

    /// <summary>Shorter rules belong to the insight, as between two parts of a list.</summary>
    private const int ShortestClosing = 20;

    private const int ShortestOpening = 3;

    public static IEnumerable<string> InsightsIn(string text)
    {
        if (!text.Contains(Star, StringComparison.Ordinal))
            yield break;
        var begin = -1;
        for (var start = 0; start < text.Length;)
        {
            var newline = text.IndexOf('\n', start);
            var end = newline < 0 ? text.Length : newline;
            var line = text.AsSpan(start, end - start);
            var opens = IsOpening(line);
            if (begin >= 0 && (opens || IsClosing(line)))
            {
                if (Take(text, begin, start) is { } insight)
                    yield return insight;
                begin = -1;
            }

            if (opens)
                begin = Math.Min(end + 1, text.Length);
            start = end + 1;
        }

        if (begin >= 0 && Take(text, begin, text.Length) is { } last)
            yield return last;
    }

    private static string? Take(string text, int begin, int end)
    {
        var insight = text.AsSpan(begin, Math.Max(0, end - begin)).Trim();
        return insight.Length is >= MinLength and <= MaxLength ? insight.ToString() : null;
    }

    private static bool IsOpening(ReadOnlySpan<char> line)
    {
        line = Bare(line);
        if (line.IsEmpty || line[0] != Star)
            return false;
        line = line[1..].TrimStart();
        return line.StartsWith("Insight", StringComparison.OrdinalIgnoreCase) && IsRule(line["Insight".Length..].TrimStart(), ShortestOpening);
    }

    private static bool IsClosing(ReadOnlySpan<char> line) => IsRule(Bare(line), ShortestClosing);

    private static bool IsRule(ReadOnlySpan<char> line, int shortest) => line.Length >= shortest && !line.ContainsAnyExcept(Dash);

    private static ReadOnlySpan<char> Bare(ReadOnlySpan<char> line) => line.Trim().Trim('`').Trim();
}
