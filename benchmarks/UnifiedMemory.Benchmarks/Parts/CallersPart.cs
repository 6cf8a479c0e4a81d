using UnifiedMemory.Benchmarks.Measuring;
using UnifiedMemory.Benchmarks.Reporting;
using UnifiedMemory.Benchmarks.Running;
using UnifiedMemory.Benchmarks.Sides;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Parts;

/// <summary>
/// Many callers at once, searching without a filter: answers a second, and how long a caller waits. By Little's law the mean
/// wait is callers / throughput, whoever does it; a p99 far above that is unfair queueing.
/// </summary>
internal static class CallersPart
{
    private static readonly int[] Callers = [1, 16, 64, 256, 1000];
    private static readonly int[] PoolSizes = [20, 50];

    public static async Task RunAsync(LoadOptions options, Report report, SearchSet set)
    {
        var pool = await BestPoolAsync(options, set);
        await using var opened = await ComparedSides.OpenAsync(options.Rows, set);
        await using var raw = new RawSide(SearchedTable.SchemaOf(options.Rows), pool);
        await raw.ChoosePlanAsync(SearchCase.NoFilter, set);
        IReadOnlyList<ISide> sides = [opened.Library, raw, opened.Ef];

        var rows = new List<string[]>();
        var lines = sides.Select(_ => new List<(double, double)>()).ToList();
        foreach (var callers in Callers)
        {
            var latencies = sides.Select(_ => new Samples()).ToList();
            var errors = new int[sides.Count];
            var throughput = await Interleaved.LoadsAsync(warmUp: 1, options.Quick ? 3 : 9, [.. sides.Select((side, index) => (Func<Task<double>>)(async () =>
            {
                var burst = await Burst.RunAsync(callers, Math.Max(300, 2 * callers), call => side.SearchAsync(SearchCase.NoFilter, set[call]));
                foreach (var latency in burst.Latencies)
                    latencies[index].Add(latency);
                foreach (var (kind, count) in burst.Errors)
                    Console.WriteLine($"// {side.Name}, {callers} callers: {count} × {kind}");
                errors[index] += burst.Errors.Values.Sum();
                return burst.Throughput;
            }))]);

            for (var side = 0; side < sides.Count; side++)
            {
                rows.Add(Row(report, callers, sides[side].Name, side, throughput, latencies[side], errors[side]));
                lines[side].Add((callers, latencies[side].Median * 1e3));
            }
        }

        report.Line($"### Search, many callers; the raw pool has {pool} connections");
        report.Table(["callers", "side", "answers a second", "ratio to raw", "p50", "p99", "callers / throughput", "errors"], rows);
        report.Line("");
        var plot = new Plot("Latency against callers", "callers", "p50, ms");
        for (var side = 0; side < sides.Count; side++)
            plot.Line(sides[side].Name, lines[side]);
        report.Plot("callers.svg", plot);
    }

    private static string[] Row(Report report, int callers, string name, int side, IReadOnlyList<Samples> throughput, Samples latencies, int errors)
    {
        var (key, strict) = ($"callers{callers}.{(side == ComparedSides.EfIndex ? "ef." : "")}", callers == Callers[^1] && side == ComparedSides.LibraryIndex);
        var isRaw = side == ComparedSides.RawIndex;
        return
        [
            Show.Count(callers),
            name,
            Show.Count(throughput[side].Median),
            isRaw ? "1" : report.Value(
                $"{key}throughput_ratio", throughput[side].MedianRatioTo(throughput[ComparedSides.RawIndex]), strict ? Target.Above(0.98) : null),
            Show.Milliseconds(latencies.Median),
            Show.Milliseconds(latencies.Percentile(0.99)),
            Show.Milliseconds(callers / throughput[side].Median),
            isRaw ? Show.Count(errors) : report.Value($"{key}errors", errors, strict ? Target.Below(0) : null, "0"),
        ];
    }

    /// <summary>Raw Npgsql is not compared with a pool that does not suit it.</summary>
    private static async Task<int> BestPoolAsync(LoadOptions options, SearchSet set)
    {
        await SearchedTable.EnsureAsync(options.Rows);
        var sides = PoolSizes.Select(size => new RawSide(SearchedTable.SchemaOf(options.Rows), size)).ToList();
        foreach (var side in sides)
            await side.ChoosePlanAsync(SearchCase.NoFilter, set);
        var throughput = await Interleaved.LoadsAsync(warmUp: 1, rounds: 2, [.. sides.Select(side => (Func<Task<double>>)(async () =>
            (await Burst.RunAsync(Callers[^1], Callers[^1], call => side.SearchAsync(SearchCase.NoFilter, set[call]))).Throughput))]);
        foreach (var side in sides)
            await side.DisposeAsync();
        return PoolSizes.Zip(throughput).MaxBy(pair => pair.Second.Median).First;
    }
}
