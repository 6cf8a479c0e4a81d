using System.Diagnostics;

namespace UnifiedMemory.Benchmarks.Measuring;

/// <summary>
/// Times several ways of doing the same in turns. BenchmarkDotNet runs all of one and then all of the other; on a machine that
/// others use too, what changes in between is larger than what is to be seen.
/// </summary>
internal static class Interleaved
{
    private const int FewestRounds = 20;

    /// <summary>From one side's number to the next one's in a round.</summary>
    private const int Apart = 17;

    /// <summary>
    /// Calls of some milliseconds: rounds for so long. In seconds. In a fixed order, and with one number for a round, whoever comes
    /// next after the other on a table of both would find warm what that one has just read.
    /// </summary>
    public static async Task<IReadOnlyList<Samples>> CallsAsync(TimeSpan time, IReadOnlyList<Func<int, Task>> sides)
    {
        // Until statements are prepared, plans are chosen and the runtime has compiled what is called often.
        await RoundsAsync(rounds: 1 + (int)(time / TimeSpan.FromSeconds(0.1)), TimeSpan.MaxValue, sides);
        return await RoundsAsync(int.MaxValue, time, sides);
    }

    /// <summary>Loads of some seconds: so many rounds, after some for warming up.</summary>
    public static async Task<IReadOnlyList<Samples>> LoadsAsync(int warmUp, int rounds, IReadOnlyList<Func<Task<double>>> sides)
    {
        var samples = sides.Select(_ => new Samples()).ToList();
        for (var round = -warmUp; round < rounds; round++)
        {
            for (var turn = 0; turn < sides.Count; turn++)
            {
                var side = (round + warmUp + turn) % sides.Count;
                var value = await sides[side]();
                if (round >= 0)
                    samples[side].Add(value);
            }
        }

        return samples;
    }

    private static async Task<IReadOnlyList<Samples>> RoundsAsync(int rounds, TimeSpan time, IReadOnlyList<Func<int, Task>> sides)
    {
        var samples = sides.Select(_ => new Samples()).ToList();
        var order = Enumerable.Range(0, sides.Count).ToArray();
        var random = new Random(1);
        var started = Stopwatch.GetTimestamp();
        for (var round = 0; round < rounds && (round < FewestRounds || Stopwatch.GetElapsedTime(started) < time); round++)
        {
            random.Shuffle(order);
            foreach (var side in order)
            {
                var call = Stopwatch.GetTimestamp();
                await sides[side](round + (side * Apart));
                samples[side].Add(Stopwatch.GetElapsedTime(call).TotalSeconds);
            }
        }

        return samples;
    }
}
