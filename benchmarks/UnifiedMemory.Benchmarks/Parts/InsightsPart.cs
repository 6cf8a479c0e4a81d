using UnifiedMemory.Benchmarks.Measuring;
using UnifiedMemory.Benchmarks.Reporting;
using UnifiedMemory.Benchmarks.Running;
using UnifiedMemory.Benchmarks.Sides;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Parts;

/// <summary>
/// One new insight at a time: without a sink, and with one that fails each call, hangs, or works. The dispatchers are running. The sink
/// that works is compared by itself: what it is delivered goes through the database while the next side is timed, which would be put
/// down to that one. Embedding costs nothing, which is true of no
/// model; a last comparison has it take 5 ms.
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

        report.Line("### Storing an insight");
        report.Table(
            ["sink", "p50", "p99", "p50 without a sink", "ratio", "its range", "not delivered", "rounds"],
            [
                .. await MeasureAsync(TimeSpan.Zero, "dead", "hanging"),
                .. await MeasureAsync(TimeSpan.Zero, "healthy"),
                .. await MeasureAsync(TimeSpan.FromMilliseconds(5), "dead", "hanging"),
            ]);

        async Task<IEnumerable<string[]>> MeasureAsync(TimeSpan embedding, params string[] names)
        {
            provider.CallTime = embedding;
            var (run, note, next) = ($"{names[0]}-{embedding.TotalMilliseconds}", embedding == TimeSpan.Zero ? "" : $", embedding in {embedding.TotalMilliseconds} ms", 0);
            string[] compared = ["none", .. names];
            var times = await Interleaved.CallsAsync(options.Time, [.. compared.Select(name => (Func<int, Task>)(async _ =>
            {
                var number = next++;
                await sides[name].StoreAsync(memories[number % Texts].Memory with { WorkflowId = $"{run}-{number}" });
            }))]);
            var rows = new List<string[]>();
            foreach (var (index, name) in names.Index())
            {
                rows.Add(
                [
                    name + note,
                    Show.Milliseconds(times[index + 1].Median),
                    Show.Milliseconds(times[index + 1].Percentile(0.99)),
                    Show.Milliseconds(times[0].Median),
                    report.Value($"insights.{name}{(embedding == TimeSpan.Zero ? "" : ".embedding")}.ratio", times[index + 1].Median / times[0].Median, name == "healthy" ? null : Target.Below(1.05), "0.000"),
                    Show.Range(times[index + 1].RangeOfRatioTo(times[0])),
                    Show.Count(await sides.BacklogAsync(name)),
                    Show.Count(times[0].Count),
                ]);
            }

            return rows;
        }
    }

    private static MemoryToStore AsInsight(MemoryToStore memory) =>
        memory with { Memory = memory.Memory with { Type = MemoryType.Insight } };
}
