namespace UnifiedMemory;

/// <summary>What became of one try to deliver an <see cref="Insight"/>.</summary>
/// <param name="Outcome">Delivered, to be tried again, or refused.</param>
/// <param name="Reason">Why it was not delivered; otherwise <c>null</c>. Holds no memory content: it is stored and logged.</param>
public sealed record InsightDelivery(InsightOutcome Outcome, string? Reason = null)
{
    /// <summary>It is with the sink, from this try or an earlier one.</summary>
    public static InsightDelivery Delivered { get; } = new(InsightOutcome.Delivered);

    /// <summary>The sink could not take it now: tried again later, and parked after <c>MaxAttempts</c>.</summary>
    /// <param name="reason">Why, without content.</param>
    public static InsightDelivery Unavailable(string reason) => new(InsightOutcome.Unavailable, reason);

    /// <summary>The sink will never take this one: parked at once, until it is queued again.</summary>
    /// <param name="reason">Why, without content.</param>
    public static InsightDelivery Refused(string reason) => new(InsightOutcome.Refused, reason);
}
