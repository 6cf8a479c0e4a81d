namespace UnifiedMemory;

/// <summary>Where an insight stands on its way to a sink.</summary>
public enum QueuedInsightState
{
    /// <summary>To be delivered, or under way.</summary>
    Pending,

    /// <summary>Given up: refused, or failed too often. Delivered only when it is queued again.</summary>
    Parked,
}
