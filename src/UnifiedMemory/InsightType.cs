namespace UnifiedMemory;

/// <summary>What an insight is about.</summary>
public enum InsightType
{
    /// <summary>None of the others.</summary>
    General,

    /// <summary>A way of doing something that comes back.</summary>
    Pattern,

    /// <summary>How a system is built, and why.</summary>
    Architecture,

    /// <summary>What should always be done so.</summary>
    BestPractice,

    /// <summary>A trap.</summary>
    Gotcha,
}
