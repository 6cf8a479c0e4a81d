namespace UnifiedMemory.Backup;

/// <summary>A backup in the catalogue.</summary>
/// <param name="Id">Names it, for example <c>memories-20260301T020000123Z-logical</c>.</param>
/// <param name="Kind">How it was made.</param>
/// <param name="StartedAt">When it was begun; a logical backup shows the store as it was then.</param>
/// <param name="State">What is known of it.</param>
/// <param name="Bytes">Size of its data.</param>
public sealed record BackupEntry(string Id, BackupKind Kind, DateTimeOffset StartedAt, BackupState State, long Bytes);
