using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace UnifiedMemory.Benchmarks.Raw;

/// <summary>
/// What the library sends, taken from Npgsql's own traces, so that the raw side cannot drift away from it: it runs exactly
/// these statements.
/// </summary>
internal static partial class SentStatements
{
    public static async Task<IReadOnlyList<string>> CaptureAsync(Func<Task> call)
    {
        var texts = new List<string>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Npgsql",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                if (activity.GetTagItem("db.query.text") is string text)
                    texts.Add(text);
            },
        };
        ActivitySource.AddActivityListener(listener);
        await call();
        return texts;
    }

    /// <summary>
    /// A text with several statements and named parameters, as Npgsql sends it: each statement by itself, with numbered
    /// parameters. No statement of the library has a semicolon in a literal.
    /// </summary>
    public static IReadOnlyList<RawStatement> Parse(string text) =>
        [.. text.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(Numbered)];

    private static RawStatement Numbered(string statement)
    {
        var names = new List<string>();
        var sql = ParameterName().Replace(statement, match =>
        {
            var name = match.Groups[1].Value;
            if (!names.Contains(name))
                names.Add(name);
            return string.Create(CultureInfo.InvariantCulture, $"${names.IndexOf(name) + 1}");
        });
        return new RawStatement(sql, names);
    }

    [GeneratedRegex(@"(?<!@)@(\w+)")]
    private static partial Regex ParameterName();
}

/// <summary>A statement with <c>$1 …</c>, and the names that its parameters had.</summary>
internal sealed record RawStatement(string Sql, IReadOnlyList<string> Parameters);
