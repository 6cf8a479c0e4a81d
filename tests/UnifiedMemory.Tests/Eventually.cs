using System.Diagnostics;

namespace UnifiedMemory.Tests;

/// <summary>Waits for a condition, and fails when it does not come true in time.</summary>
internal static class Eventually
{
    public static async Task TrueAsync(Func<bool> condition, string what) => await TrueAsync(() => Task.FromResult(condition()), what);

    public static async Task TrueAsync(Func<Task<bool>> condition, string what)
    {
        var deadline = Stopwatch.GetTimestamp() + (30 * Stopwatch.Frequency);
        while (!await condition())
        {
            Assert.That(Stopwatch.GetTimestamp(), Is.LessThan(deadline), $"Did not happen within 30 s: {what}");
            await Task.Delay(10);
        }
    }
}
