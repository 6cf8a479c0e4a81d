using UnifiedMemory.Benchmarks.Measuring;
using UnifiedMemory.Benchmarks.Reporting;
using UnifiedMemory.Benchmarks.Running;
using UnifiedMemory.Benchmarks.Sides;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Parts;

/// <summary>One new memory at a time, without and with an HNSW index. All sides wait for the server's disk at the commit.</summary>
internal static class StorePart
{
    private const string Prefix = "load_store_";
    private const int Before = 5_000;

    public static async Task RunAsync(LoadOptions options, Report report)
    {
        List<MemoryToStore> memories = [.. MemoryToStore.Create("stored", Before, seed: 3)];
        await using var sides = await ComparedSides.CreateEmptyAsync(Prefix);
        foreach (var side in sides.All)
            await side.StoreManyAsync(memories);

        var rows = new List<string[]> { await MeasureAsync("no", "store.plain") };
        await ComparedSides.BuildIndexesAsync(Prefix);
        rows.Add(await MeasureAsync("yes", "store.indexed"));
        report.Line("### One insert");
        report.Table(["HNSW index", "raw, p50", "library, p50", "EF Core, p50", "library : raw", "EF Core : raw", "rounds"], rows);

        async Task<string[]> MeasureAsync(string index, string key)
        {
            var next = 0;
            var times = await Interleaved.CallsAsync(options.Time, [.. sides.All.Select(side => (Func<int, Task>)(_ =>
                side.StoreAsync(memories[next % Before].In($"{key}-{next++}"))))]);
            var raw = times[ComparedSides.RawIndex];
            return
            [
                index,
                Show.Milliseconds(raw.Median),
                Show.Milliseconds(times[ComparedSides.LibraryIndex].Median),
                Show.Milliseconds(times[ComparedSides.EfIndex].Median),
                report.Value($"{key}.ratio", times[ComparedSides.LibraryIndex].Median / raw.Median),
                report.Value($"{key}.ef.ratio", times[ComparedSides.EfIndex].Median / raw.Median),
                Show.Count(raw.Count),
            ];
        }
    }
}
