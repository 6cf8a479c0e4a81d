namespace UnifiedMemory;

/// <summary>An insight that is not delivered to a sink yet.</summary>
/// <param name="Insight">The insight, with the number of its last try.</param>
/// <param name="Sink">The name of the sink.</param>
/// <param name="State">To be delivered, or given up.</param>
/// <param name="QueuedAt">When it was stored, by the server's clock.</param>
public sealed record QueuedInsight(Insight Insight, string Sink, QueuedInsightState State, DateTimeOffset QueuedAt)
{
    /// <summary>Failed tries that count towards <see cref="InsightOptions.MaxAttempts"/>.</summary>
    public int Failures { get; init; }

    /// <summary>When the next try is due, by the server's clock.</summary>
    public DateTimeOffset DueAt { get; init; }

    /// <summary>When it was parked, by the server's clock; <c>null</c> while it is pending.</summary>
    public DateTimeOffset? ParkedAt { get; init; }

    /// <summary>Why the last try failed; <c>null</c> when none did.</summary>
    public string? LastError { get; init; }
}
