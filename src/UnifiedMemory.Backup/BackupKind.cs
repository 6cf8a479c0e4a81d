namespace UnifiedMemory.Backup;

/// <summary>How a backup was made.</summary>
public enum BackupKind
{
    /// <summary>The store's schemas with <c>pg_dump</c>. Restored into any database; indexes are built anew.</summary>
    Logical,

    /// <summary>The whole server with <c>pg_basebackup</c>. With its write-ahead log, restored to any time after it.</summary>
    Physical,
}
