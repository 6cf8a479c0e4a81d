namespace UnifiedMemory.Backup.Tests;

/// <summary>Does something at the moment when progress is told, and not some time later.</summary>
internal sealed class ToldProgress(Action<BackupProgress> tell) : IProgress<BackupProgress>
{
    public void Report(BackupProgress value) => tell(value);
}
