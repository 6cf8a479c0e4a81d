namespace UnifiedMemory.Backup.Verifying;

/// <summary>A check found something that is not as it should be.</summary>
internal sealed class CheckFailedException(string detail) : Exception(detail);
