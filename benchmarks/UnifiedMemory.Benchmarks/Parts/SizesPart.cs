using UnifiedMemory.Benchmarks.Measuring;
using UnifiedMemory.Benchmarks.Reporting;
using UnifiedMemory.Benchmarks.Running;
using UnifiedMemory.Benchmarks.Sides;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Parts;

/// <summary>How the time of a search without a filter grows with the table.</summary>
internal static class SizesPart
{
    public static async Task RunAsync(LoadOptions options, Report report)
    {
        int[] sizes = options.Quick
            ? [options.Rows / 8, options.Rows / 4, options.Rows]
            : [options.Rows / 8, options.Rows / 4, options.Rows / 2, options.Rows];
        var rows = new List<string[]>();
        var lines = new List<(double, double)>[3];
        foreach (var size in sizes)
        {
            var set = new SearchSet(SearchedTable.SchemaOf(size), size, options.Queries);
            await using var sides = await ComparedSides.OpenAsync(size, set);
            await sides.Raw.ChoosePlanAsync(SearchCase.NoFilter, set);
            var times = await Interleaved.CallsAsync(
                options.Time / 2, [.. sides.All.Select(side => (Func<int, Task>)(index => side.SearchAsync(SearchCase.NoFilter, set[index])))]);
            for (var side = 0; side < times.Count; side++)
                (lines[side] ??= []).Add((size, times[side].Median * 1e3));
            rows.Add([Show.Count(size), .. times.Select(side => Show.Milliseconds(side.Median))]);
        }

        report.Line("### Search against rows, no filter, p50");
        report.Table(["rows", "library", "raw", "EF Core"], rows);
        report.Line("");
        report.Plot("rows.svg", new Plot("Latency against rows", "rows", "p50, ms")
            .Line("library", lines[ComparedSides.LibraryIndex]).Line("raw", lines[ComparedSides.RawIndex]).Line("EF Core", lines[ComparedSides.EfIndex]));
    }
}
