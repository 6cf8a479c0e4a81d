using UnifiedMemory.Quality.Scoring;

namespace UnifiedMemory.Tests.Quality;

public sealed class BootstrapTests
{
    [Test]
    public void The_same_values_have_the_same_interval()
    {
        var values = Enumerable.Range(0, 200).Select(i => (double)(i * i % 7)).ToList();

        Assert.That(Bootstrap.Interval(values), Is.EqualTo(Bootstrap.Interval([.. values])));
    }

    [Test]
    public void Equal_values_leave_no_doubt() => Assert.That(Bootstrap.Interval([0.25, 0.25, 0.25]), Is.EqualTo((0.25, 0.25)));

    [Test]
    public void The_interval_of_many_values_is_that_of_the_normal_distribution()
    {
        // 1,000 coins with 400 heads: 0.4 ± 1.96 · sqrt(0.4 · 0.6 / 1,000) = 0.4 ± 0.0304.
        var (low, high) = Bootstrap.Interval([.. Enumerable.Range(0, 1_000).Select(i => i < 400 ? 1.0 : 0.0)]);

        Assert.That(low, Is.EqualTo(0.3696).Within(0.004));
        Assert.That(high, Is.EqualTo(0.4304).Within(0.004));
    }

    [Test]
    public void No_value_has_no_interval() => Assert.That(() => Bootstrap.Interval([]), Throws.ArgumentException);
}
