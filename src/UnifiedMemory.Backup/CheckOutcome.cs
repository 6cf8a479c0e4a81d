namespace UnifiedMemory.Backup;

/// <summary>How one check of a verification ended.</summary>
public enum CheckOutcome
{
    /// <summary>It is as it should be.</summary>
    Passed,

    /// <summary>It is not; the detail says what.</summary>
    Failed,

    /// <summary>It could not be made, for the reason in the detail.</summary>
    Skipped,
}
