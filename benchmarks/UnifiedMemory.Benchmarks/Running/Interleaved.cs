using System.Diagnostics;

namespace UnifiedMemory.Benchmarks.Running;

/// <summary>
/// Times two ways of doing the same in turns. BenchmarkDotNet runs all of one and then all of the other; on a machine that
/// others use too, what changes between the two is larger than what is to be seen.
/// </summary>
internal static class Interleaved
{
    private const int Blocks = 10;

    /// <summary>Until the runtime has compiled its loops for good; that takes a core of its own.</summary>
    private const int WarmUpLoads = 3;

    /// <summary>Calls of some milliseconds: pairs for so long, ratio of the medians, and of ten parts of the run.</summary>
    public static async Task<Comparison> CallsAsync(string name, TimeSpan time, Func<int, Task> raw, Func<int, Task> library)
    {
        for (var i = 0; i < 100; i++)
        {
            await raw(i);
            await library(i);
        }

        var pairs = new List<(double Raw, double Library)>();
        var started = Stopwatch.GetTimestamp();
        for (var i = 0; Stopwatch.GetElapsedTime(started) < time; i++)
        {
            double first, second;
            if (i % 2 == 0)
            {
                first = await TimeAsync(raw, i);
                second = await TimeAsync(library, i);
            }
            else
            {
                second = await TimeAsync(library, i);
                first = await TimeAsync(raw, i);
            }

            pairs.Add((first, second));
        }

        var ratios = pairs.Chunk((pairs.Count + Blocks - 1) / Blocks)
            .Select(block => Median(block.Select(pair => pair.Library)) / Median(block.Select(pair => pair.Raw))).ToList();
        var (rawMedian, libraryMedian) = (Median(pairs.Select(pair => pair.Raw)), Median(pairs.Select(pair => pair.Library)));
        return new Comparison(
            name, pairs.Count, $"{rawMedian * 1e3:0.00} ms", $"{libraryMedian * 1e3:0.00} ms", libraryMedian / rawMedian, ratios.Min(), ratios.Max());
    }

    /// <summary>Loads of some seconds: rounds, with the ratio of rows per second in each.</summary>
    public static async Task<Comparison> LoadsAsync(string name, int rounds, int rows, Func<int, Task<TimeSpan>> raw, Func<int, Task<TimeSpan>> library)
    {
        for (var i = 0; i < WarmUpLoads; i++)
        {
            await raw(i);
            await library(i);
        }

        var speeds = new List<(double Raw, double Library)>();
        for (var i = 0; i < rounds; i++)
        {
            TimeSpan first, second;
            if (i % 2 == 0)
            {
                first = await raw(i);
                second = await library(i);
            }
            else
            {
                second = await library(i);
                first = await raw(i);
            }

            speeds.Add((rows / first.TotalSeconds, rows / second.TotalSeconds));
        }

        var ratios = speeds.Select(pair => pair.Library / pair.Raw).ToList();
        return new Comparison(
            name, rounds, $"{Median(speeds.Select(pair => pair.Raw)):N0} rows/s", $"{Median(speeds.Select(pair => pair.Library)):N0} rows/s",
            Median(ratios), ratios.Min(), ratios.Max());
    }

    private static async Task<double> TimeAsync(Func<int, Task> call, int index)
    {
        var started = Stopwatch.GetTimestamp();
        await call(index);
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted.Count % 2 == 1 ? sorted[sorted.Count / 2] : (sorted[sorted.Count / 2 - 1] + sorted[sorted.Count / 2]) / 2;
    }
}
