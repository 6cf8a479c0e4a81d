namespace UnifiedMemory.Backup;

/// <summary>What is known of a backup.</summary>
public enum BackupState
{
    /// <summary>Nobody has restored it yet.</summary>
    Unverified,

    /// <summary>It was restored, and every check passed.</summary>
    Verified,

    /// <summary>It failed its last verification.</summary>
    Failed,
}
