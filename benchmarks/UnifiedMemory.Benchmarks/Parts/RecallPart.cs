using System.Globalization;
using UnifiedMemory.Benchmarks.Measuring;
using UnifiedMemory.Benchmarks.Reporting;
using UnifiedMemory.Benchmarks.Running;
using UnifiedMemory.Benchmarks.Sides;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Parts;

/// <summary>What recall costs: the index with a growing <c>hnsw.ef_search</c>, and comparing every vector.</summary>
internal static class RecallPart
{
    private static readonly int[] Efforts = [40, 80, 160, 320, 640];

    public static async Task RunAsync(LoadOptions options, Report report, SearchSet set)
    {
        var schema = SearchedTable.SchemaOf(options.Rows);
        await SearchedTable.EnsureAsync(options.Rows);
        await using var raw = new RawSide(schema);
        var effort = await VectorIndexes.EffortAsync(schema, VectorIndexes.Full);
        var (rows, library, limit) = (new List<string[]>(), new List<(double, double)>(), new List<(double, double)>());
        var measured = new HashSet<int>();
        try
        {
            foreach (var asked in Efforts)
            {
                await VectorIndexes.SetEffortAsync(schema, VectorIndexes.Full, asked);
                await using var side = await LibrarySide.CreateAsync(SearchedTable.PrefixOf(options.Rows), set.Provider());

                // As many as the candidates that it takes, where those are more than what was asked for.
                await using var statements = await StatementsSide.LikeAsync(side, set[0]);
                var sent = statements.Effort;
                if (!measured.Add(sent))
                    continue;
                raw.UsePlan(SearchCase.NoFilter, new RawPlan(sent));
                var (text, points) = await MeasureAsync(sent.ToString(CultureInfo.InvariantCulture), [side, raw], set, options.Time / 3);
                rows.Add(text);
                library.Add(points[0]);
                limit.Add(points[1]);
            }
        }
        finally
        {
            await VectorIndexes.SetEffortAsync(schema, VectorIndexes.Full, effort);
        }

        raw.UsePlan(SearchCase.NoFilter, new RawPlan(0));
        var (exact, point) = await MeasureAsync("exact", [raw], set, options.Time / 3);
        rows.Add([exact[0], "", exact[1], "", exact[2]]);
        report.Line("### Recall against latency, no filter");
        report.Table(["hnsw.ef_search, as sent", "library, p50", "raw, p50", "library, recall", "raw, recall"], rows);
        report.Line("");
        report.Plot("recall.svg", new Plot("Recall against latency", "p50, ms", "recall at 20", linearUp: true)
            .Line("library, index", library).Line("raw, index", limit).Line("exact", point));
    }

    private static async Task<(string[] Row, List<(double, double)> Points)> MeasureAsync(
        string name, IReadOnlyList<ISide> sides, SearchSet set, TimeSpan time)
    {
        var recalls = new List<double>();
        foreach (var side in sides)
            recalls.Add((await set.AskAsync(SearchCase.NoFilter, text => side.SearchAsync(SearchCase.NoFilter, text))).Recall);
        var times = await Interleaved.CallsAsync(
            time, [.. sides.Select(side => (Func<int, Task>)(index => side.SearchAsync(SearchCase.NoFilter, set[index])))]);
        return (
            [name, .. times.Select(side => Show.Milliseconds(side.Median)), .. recalls.Select(recall => recall.ToString("0.000", CultureInfo.InvariantCulture))],
            [.. times.Select((side, index) => (side.Median * 1e3, recalls[index]))]);
    }
}
