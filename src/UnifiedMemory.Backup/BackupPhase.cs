namespace UnifiedMemory.Backup;

/// <summary>What is under way.</summary>
public enum BackupPhase
{
    /// <summary>Rows are counted and samples taken, for the manifest.</summary>
    Recording,

    /// <summary>Data goes to the target.</summary>
    Copying,

    /// <summary>Data comes from the target, and its hash is compared.</summary>
    Fetching,

    /// <summary>The whole archive is read.</summary>
    Reading,

    /// <summary>Data is restored, and indexes are built.</summary>
    Restoring,

    /// <summary>What was restored is compared with the manifest.</summary>
    Checking,
}
