using System.Text.RegularExpressions;

namespace UnifiedMemory.SessionBuddy.Server;

/// <summary>What a tool answered.</summary>
/// <param name="IsError">Whether the protocol says that it failed.</param>
/// <param name="Text">All text of the answer, joined by line feeds.</param>
internal sealed partial record ToolAnswer(bool IsError, string Text)
{
    /// <summary>
    /// What <c>store_reflection</c> made of an insight. Failures come as ordinary text. Any text may quote the insight, so only its
    /// first line says what it is, and no text becomes part of a reason.
    /// </summary>
    public InsightDelivery ToDelivery()
    {
        // What the protocol refuses is the call: a tool with other arguments refuses every insight, and is to be waited for.
        if (IsError)
        {
            return Text.Contains("memory guard blocked", StringComparison.OrdinalIgnoreCase)
                ? InsightDelivery.Refused("Session-Buddy's memory guard blocked the insight.")
                : InsightDelivery.Unavailable("store_reflection answered with an error.");
        }

        var firstLine = Text.AsSpan().TrimStart();
        if (firstLine.IndexOfAny('\r', '\n') is >= 0 and var end)
            firstLine = firstLine[..end];
        var failed = firstLine.StartsWith('❌') || StartsWithWord(firstLine, "Error");
        if (!failed && firstLine.Contains("stored successfully", StringComparison.OrdinalIgnoreCase))
            return InsightDelivery.Delivered;

        var kind = firstLine.IndexOf(':') is >= 0 and var colon ? firstLine[..colon] : firstLine;
        if (failed && kind.Contains("validation error", StringComparison.OrdinalIgnoreCase))
            return InsightDelivery.Refused("store_reflection answered with a validation error.");
        if (failed)
            return InsightDelivery.Unavailable("store_reflection answered with an error.");
        return InsightDelivery.Unavailable(
            firstLine.IsEmpty ? "store_reflection answered with nothing." : "store_reflection did not say that the insight is stored.");
    }

    /// <summary>
    /// Whether <c>quick_search</c> or <c>search_summary</c> found something; <c>null</c> when it failed or cannot be understood. The
    /// answer repeats the query either way, and may quote what it found: a text that speaks of no results is a result.
    /// </summary>
    public bool? ToFound()
    {
        if (IsError || Text.AsSpan().TrimStart().StartsWith('❌'))
            return null;
        if (Text.Contains("found results", StringComparison.OrdinalIgnoreCase) || SomeResults().IsMatch(Text))
            return true;
        return Text.Contains("no results found", StringComparison.OrdinalIgnoreCase) ? false : null;
    }

    [GeneratedRegex(@"total results: *[1-9]", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex SomeResults();

    /// <summary>After what is no letter, such as a symbol in front.</summary>
    private static bool StartsWithWord(ReadOnlySpan<char> line, string word)
    {
        while (line.Length > 0 && !char.IsLetter(line[0]))
            line = line[1..];
        return line.StartsWith(word, StringComparison.OrdinalIgnoreCase) && (line.Length == word.Length || !char.IsLetter(line[word.Length]));
    }
}
