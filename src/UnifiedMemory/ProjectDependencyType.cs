namespace UnifiedMemory;

/// <summary>How one project depends on another.</summary>
public enum ProjectDependencyType
{
    /// <summary>It calls the other.</summary>
    Uses,

    /// <summary>It builds on the other and adds to it.</summary>
    Extends,

    /// <summary>It mentions the other.</summary>
    References,

    /// <summary>Both contain the same code.</summary>
    SharesCode,
}
