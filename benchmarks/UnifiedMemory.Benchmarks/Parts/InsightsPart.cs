using UnifiedMemory.Benchmarks.Measuring;
using UnifiedMemory.Benchmarks.Reporting;
using UnifiedMemory.Benchmarks.Running;
using UnifiedMemory.Benchmarks.Sides;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Parts;

/// <summary>
/// One new insight at a time: without a sink, and with one that works, refuses every connection, or hangs. The dispatchers are running.
/// A side that has a sink writes a row more into the outbox, which the ratio to the side with the sink that works leaves out.
/// </summary>
internal static class InsightsPart
{
    private const int Texts = 2_000;

    public static async Task RunAsync(LoadOptions options, Report report)
    {
        List<MemoryToStore> memories = [.. MemoryToStore.Create("insight", Texts, seed: 6).Select(AsInsight)];
        var provider = new LookupEmbeddingProvider();
        foreach (var memory in memories)
            provider.Add(memory.Memory.Content, memory.Vector);
        await using var sides = await SinkSides.CreateAsync(provider);

        var next = 0;
        var times = await Interleaved.CallsAsync(options.Time, [.. sides.Stores.Select((store, side) => (Func<int, Task>)(async _ =>
        {
            var number = next++;
            await store.StoreAsync(memories[number % Texts].Memory with { WorkflowId = $"{side}-{number}" });
        }))]);

        report.Line("### Storing an insight");
        report.Table(
            ["sink", "p50", "p99", "ratio to none", "its range", "not delivered", "calls"],
            sides.Names.Select((name, side) => (string[])
            [
                name,
                Show.Milliseconds(times[side].Median),
                Show.Milliseconds(times[side].Percentile(0.99)),
                side == 0
                    ? "1"
                    : report.Value($"insights.{name}.ratio", times[side].Median / times[0].Median, name is "dead" or "hanging" ? Target.Below(1.05) : null, "0.000"),
                side == 0 ? "" : Show.Range(times[side].RangeOfRatioTo(times[0])),
                Show.Count(sides.Backlog(side)),
                Show.Count(times[side].Count),
            ]));
    }

    private static MemoryToStore AsInsight(MemoryToStore memory) =>
        memory with { Memory = memory.Memory with { Type = MemoryType.Insight } };
}
