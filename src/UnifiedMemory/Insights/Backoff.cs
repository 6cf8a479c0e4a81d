namespace UnifiedMemory.Insights;

/// <summary>How long an insight waits for its next try.</summary>
internal static class Backoff
{
    /// <summary>
    /// Doubles from the first delay to the longest, less up to half at random: hosts that failed together do not come back together.
    /// https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
    /// </summary>
    /// <param name="failures">Failed tries, this one among them: 1 or more.</param>
    /// <param name="options">The first delay and the longest.</param>
    /// <param name="random">0 to 1.</param>
    public static TimeSpan After(int failures, InsightOptions options, double random)
    {
        // In numbers: a TimeSpan overflows after some forty doublings.
        var full = options.RetryDelay.TotalSeconds * Math.Pow(2, failures - 1);
        return TimeSpan.FromSeconds(Math.Min(full, options.MaxRetryDelay.TotalSeconds) * (1 - (random / 2)));
    }
}
