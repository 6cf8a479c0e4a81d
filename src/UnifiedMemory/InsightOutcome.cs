namespace UnifiedMemory;

/// <summary>How a try to deliver an insight ended.</summary>
public enum InsightOutcome
{
    /// <summary>The sink has it.</summary>
    Delivered,

    /// <summary>Not now: it is tried again later.</summary>
    Unavailable,

    /// <summary>Never: it is parked.</summary>
    Refused,
}
