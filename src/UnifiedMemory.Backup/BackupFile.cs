namespace UnifiedMemory.Backup;

/// <summary>A file in an <see cref="IBackupTarget"/>.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Length">Its size in bytes.</param>
public sealed record BackupFile(string Name, long Length);
