using UnifiedMemory.Insights;

namespace UnifiedMemory.Tests.Insights;

public sealed class BackoffTests
{
    [TestCase(1, 0, 1)]
    [TestCase(1, 1, 0.5)]
    [TestCase(4, 0, 8)]
    [TestCase(4, 0.5, 6)]
    [TestCase(20, 0, 300)]
    [TestCase(1000, 1, 150)]
    public void The_wait_doubles_up_to_the_longest_less_up_to_half(int failures, double random, double seconds) =>
        Assert.That(Backoff.After(failures, new InsightOptions(), random), Is.EqualTo(TimeSpan.FromSeconds(seconds)));
}
