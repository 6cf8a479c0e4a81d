namespace UnifiedMemory.Backup;

/// <summary>Where a physical backup is restored to, and to which moment.</summary>
public sealed record ServerRestoreOptions
{
    /// <summary>A new or empty directory; it becomes the server's data directory, with the server's user as its owner.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>The archived write-ahead log. Default: <see cref="BackupOptions.WalArchive"/>; without it, the backup alone is restored.</summary>
    public string? WalArchive { get; init; }

    /// <summary>The state to restore: everything that was committed until then. Default: everything that the log has.</summary>
    public DateTimeOffset? TargetTime { get; init; }
}
