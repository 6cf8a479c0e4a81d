namespace UnifiedMemory;

/// <summary>What became of one try to deliver an <see cref="Insight"/>.</summary>
/// <param name="Outcome">Delivered, to be tried again, or refused.</param>
/// <param name="Reason">Why it was not delivered; otherwise <c>null</c>. Holds no memory content: it is stored and logged.</param>
public sealed record InsightDelivery(InsightOutcome Outcome, string? Reason = null)
{
    /// <summary>
    /// How long the next try waits at least, whichever host makes it: what was sent may be under way still. Up to a day; what is below zero is
    /// zero. The later ones of its namespace wait, too, as after each failure up to <see cref="InsightOptions.OrderedAttempts"/>. Default: zero.
    /// </summary>
    public TimeSpan RetryAfter { get; init; }

    /// <summary>It is with the sink, from this try or an earlier one.</summary>
    public static InsightDelivery Delivered { get; } = new(InsightOutcome.Delivered);

    /// <summary>The sink could not take it now: tried again later, and parked after <c>MaxAttempts</c>.</summary>
    /// <param name="reason">Why, without content.</param>
    /// <param name="retryAfter">How long the next try waits at least, see <see cref="RetryAfter"/>. Default: zero.</param>
    public static InsightDelivery Unavailable(string reason, TimeSpan retryAfter = default) =>
        new(InsightOutcome.Unavailable, reason) { RetryAfter = retryAfter };

    /// <summary>The sink will never take this one: parked at once, until it is queued again.</summary>
    /// <param name="reason">Why, without content.</param>
    public static InsightDelivery Refused(string reason) => new(InsightOutcome.Refused, reason);
}
