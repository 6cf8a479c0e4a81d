using UnifiedMemory.Insights;

namespace UnifiedMemory.Hosting;

/// <summary>Checks what is said about insights.</summary>
internal static class InsightRules
{
    private const int LongestName = 64;

    public static IEnumerable<string> MistakesIn(InsightOptions? insights)
    {
        if (insights is null)
        {
            yield return "Insights is null; leave it out for the defaults.";
            yield break;
        }

        if (!(insights.MinimumConfidence is >= 0 and <= 1))
            yield return $"Insights.MinimumConfidence is {insights.MinimumConfidence}; give 0 to 1, 0.5 for most stores.";
        foreach (var (name, value, minimum, maximum) in Numbers(insights))
        {
            if (value < minimum || value > maximum)
                yield return $"Insights.{name} is {value}; give {minimum} to {maximum}.";
        }

        foreach (var (name, value, minimum, maximum) in Durations(insights))
        {
            if (value < minimum || value > maximum)
                yield return $"Insights.{name} is {value}; give {minimum} to {maximum}.";
        }

        if (insights.LeaseDuration < 4 * insights.DeliveryTimeout)
        {
            yield return $"Insights.LeaseDuration is {insights.LeaseDuration}; give at least four times DeliveryTimeout, which is {insights.DeliveryTimeout}, "
                + "or else two hosts deliver the same insight.";
        }

        if (insights.MaxRetryDelay < insights.RetryDelay)
            yield return $"Insights.MaxRetryDelay is {insights.MaxRetryDelay}; give at least RetryDelay, which is {insights.RetryDelay}.";
    }

    public static IEnumerable<string> MistakesIn(IReadOnlyList<NamedSink> sinks)
    {
        foreach (var sink in sinks)
        {
            if (string.IsNullOrWhiteSpace(sink.Name) || sink.Name.Length > LongestName || sink.Name.Any(c => char.IsControl(c) || char.IsSurrogate(c)))
                yield return $"The Name of the insight sink {sink.Sink.GetType().Name} is blank, too long or not printable; give 1 to {LongestName} characters.";
        }

        foreach (var name in sinks.GroupBy(sink => sink.Name, StringComparer.Ordinal).Where(group => group.Count() > 1).Select(group => group.Key))
            yield return $"Two insight sinks have the Name '{name}'; give each its own, since deliveries are kept under it.";
    }

    private static IEnumerable<(string Name, int Value, int Minimum, int Maximum)> Numbers(InsightOptions insights)
    {
        yield return (nameof(insights.MaxPerMemory), insights.MaxPerMemory, 0, 100);
        yield return (nameof(insights.BatchSize), insights.BatchSize, 1, 1000);
        yield return (nameof(insights.Parallelism), insights.Parallelism, 1, 64);
        yield return (nameof(insights.MaxAttempts), insights.MaxAttempts, 1, 1000);
        yield return (nameof(insights.OrderedAttempts), insights.OrderedAttempts, 0, 1000);
    }

    private static IEnumerable<(string Name, TimeSpan Value, TimeSpan Minimum, TimeSpan Maximum)> Durations(InsightOptions insights)
    {
        var shortest = TimeSpan.FromMilliseconds(10);
        var day = TimeSpan.FromDays(1);
        if (insights.PollInterval != TimeSpan.Zero)
            yield return (nameof(insights.PollInterval), insights.PollInterval, shortest, day);
        yield return (nameof(insights.DeliveryTimeout), insights.DeliveryTimeout, shortest, TimeSpan.FromHours(1));
        yield return (nameof(insights.LeaseDuration), insights.LeaseDuration, shortest, day);
        yield return (nameof(insights.RetryDelay), insights.RetryDelay, shortest, day);
        yield return (nameof(insights.MaxRetryDelay), insights.MaxRetryDelay, shortest, day);
        yield return (nameof(insights.BreakDuration), insights.BreakDuration, TimeSpan.FromMilliseconds(500), day);
        yield return (nameof(insights.DrainTimeout), insights.DrainTimeout, TimeSpan.Zero, TimeSpan.FromHours(1));
    }
}
