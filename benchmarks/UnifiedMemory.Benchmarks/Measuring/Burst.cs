using System.Collections.Concurrent;
using System.Diagnostics;

namespace UnifiedMemory.Benchmarks.Measuring;

/// <summary>So many callers at once, each of which asks again as soon as it is answered, until all calls are made.</summary>
/// <param name="Throughput">Answers a second.</param>
/// <param name="Latencies">In seconds, as a caller sees it.</param>
/// <param name="Errors">By their kind.</param>
internal sealed record Burst(double Throughput, IReadOnlyList<double> Latencies, IReadOnlyDictionary<string, int> Errors)
{
    public static async Task<Burst> RunAsync(int callers, int calls, Func<int, Task> call)
    {
        var latencies = new ConcurrentQueue<double>();
        var errors = new ConcurrentDictionary<string, int>();
        var next = -1;
        var started = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, callers).Select(_ => Task.Run(CallAsync)));
        return new Burst(latencies.Count / Stopwatch.GetElapsedTime(started).TotalSeconds, [.. latencies], errors);

        async Task CallAsync()
        {
            while (Interlocked.Increment(ref next) is var index && index < calls)
            {
                var sent = Stopwatch.GetTimestamp();
                try
                {
                    await call(index);
                    latencies.Enqueue(Stopwatch.GetElapsedTime(sent).TotalSeconds);
                }
                catch (Exception exception)
                {
                    errors.AddOrUpdate($"{exception.GetType().Name}: {exception.GetBaseException().Message}", 1, (_, count) => count + 1);
                }
            }
        }
    }
}
