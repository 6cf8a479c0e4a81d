using UnifiedMemory.Benchmarks.Measuring;
using UnifiedMemory.Benchmarks.Reporting;
using UnifiedMemory.Benchmarks.Running;
using UnifiedMemory.Benchmarks.Sides;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Parts;

/// <summary>What the library itself adds to a search: against raw Npgsql with the same statements.</summary>
internal static class OverheadPart
{
    public static async Task RunAsync(LoadOptions options, Report report, SearchSet set)
    {
        await SearchedTable.EnsureAsync(options.Rows);
        await using var library = await LibrarySide.CreateAsync(SearchedTable.PrefixOf(options.Rows), set.Provider());
        await using var raw = await StatementsSide.LikeAsync(library, set[0]);
        await RequireEqualAsync(library, raw, set[0]);
        var times = await Interleaved.CallsAsync(
            options.Time, [index => library.SearchAsync(SearchCase.NoFilter, set[index]), index => raw.SearchAsync(set[index])]);

        report.Line("### Search without a filter: the library against raw Npgsql with the same statements");
        report.Table(
            ["library, p50 / p95", "raw, p50 / p95", "ratio, p50", "range", "ratio, p95", "rounds"],
            [[
                Show.Milliseconds(times[0].Median) + " / " + Show.Milliseconds(times[0].Percentile(0.95)),
                Show.Milliseconds(times[1].Median) + " / " + Show.Milliseconds(times[1].Percentile(0.95)),
                report.Value("search.overhead.p50.ratio", times[0].Median / times[1].Median, Target.Below(1.1)),
                Show.Range(times[0].RangeOfRatioTo(times[1])),
                report.Value("search.overhead.p95.ratio", times[0].Percentile(0.95) / times[1].Percentile(0.95)),
                Show.Count(times[0].Count),
            ]]);
        report.Line("");
    }

    private static async Task RequireEqualAsync(LibrarySide library, StatementsSide raw, SearchText text)
    {
        var found = (await library.SearchAsync(SearchCase.NoFilter, text)).Select(match => (match.Record.Id, match.Record.Content));
        if (!found.SequenceEqual((await raw.SearchAsync(text)).Select(match => (match.Record.Id, match.Record.Content))))
            throw new InvalidOperationException("The library and raw Npgsql found different memories with the same statements.");
    }
}
