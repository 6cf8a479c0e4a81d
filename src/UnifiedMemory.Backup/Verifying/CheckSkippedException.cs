namespace UnifiedMemory.Backup.Verifying;

/// <summary>A check cannot be made here, which says nothing about the backup.</summary>
internal sealed class CheckSkippedException(string reason) : Exception(reason);
