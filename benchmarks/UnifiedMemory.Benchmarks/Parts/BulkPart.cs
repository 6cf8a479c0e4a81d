using System.Diagnostics;
using System.Globalization;
using UnifiedMemory.Benchmarks.Measuring;
using UnifiedMemory.Benchmarks.Reporting;
using UnifiedMemory.Benchmarks.Running;
using UnifiedMemory.Benchmarks.Sides;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Parts;

/// <summary>
/// StoreManyAsync of new memories, each looked for and refused as a duplicate by the database, against one binary COPY of the
/// same rows into an equal table, and against AddRange with SaveChanges. No vector index: it is built after a load.
/// </summary>
internal static class BulkPart
{
    private const string Prefix = "load_bulk_";

    public static async Task RunAsync(LoadOptions options, Report report)
    {
        List<MemoryToStore> memories = [.. MemoryToStore.Create("bulk", options.Quick ? 10_000 : 20_000, seed: 4)];
        await using var sides = await ComparedSides.CreateEmptyAsync(Prefix);
        string[] tables = [$"{Prefix}memories.memories", $"{Prefix}raw_memories.memories", $"{Prefix}ef.memories"];
        var rounds = options.Quick ? 5 : 11;
        var speeds = await Interleaved.LoadsAsync(
            warmUp: options.Quick ? 2 : 3, rounds, [.. sides.All.Zip(tables, (side, table) => (Func<Task<double>>)(() => LoadAsync(side, table, memories)))]);

        report.Line(string.Create(CultureInfo.InvariantCulture, $"### Bulk insert of {memories.Count:N0}, {rounds} rounds"));
        report.Table(
            ["side", "rows a second", "ratio to COPY"],
            sides.All.Select((side, index) => (string[])
            [
                side.Name,
                speeds[index].Median.ToString("N0", CultureInfo.InvariantCulture),
                index switch
                {
                    ComparedSides.LibraryIndex => report.Value("ingest.ratio", Ratio(index), Target.Above(0.8)),
                    ComparedSides.EfIndex => report.Value("ingest.ef.ratio", Ratio(index)),
                    _ => "1",
                },
            ]));

        double Ratio(int index) => speeds[index].MedianRatioTo(speeds[ComparedSides.RawIndex]);
    }

    /// <summary>Into an emptied table after a checkpoint; in rows a second.</summary>
    private static async Task<double> LoadAsync(ISide side, string table, List<MemoryToStore> memories)
    {
        await BenchmarkServer.ExecuteAsync($"TRUNCATE {table}");
        await BenchmarkServer.ExecuteAsync("CHECKPOINT");
        GC.Collect();
        var started = Stopwatch.GetTimestamp();
        await side.StoreManyAsync(memories);
        var time = Stopwatch.GetElapsedTime(started);
        return await BenchmarkServer.QueryAsync<long>($"SELECT count(*) FROM {table}") == memories.Count
            ? memories.Count / time.TotalSeconds
            : throw new InvalidOperationException($"Not all memories are in {table}.");
    }
}
