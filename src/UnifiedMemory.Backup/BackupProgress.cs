namespace UnifiedMemory.Backup;

/// <summary>How far a backup, a verification or a restore has come.</summary>
/// <param name="Id">The backup.</param>
/// <param name="Phase">What is under way.</param>
/// <param name="Bytes">Bytes of this phase so far.</param>
public sealed record BackupProgress(string Id, BackupPhase Phase, long Bytes);
