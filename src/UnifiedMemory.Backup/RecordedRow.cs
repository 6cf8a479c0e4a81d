namespace UnifiedMemory.Backup;

/// <summary>A row that was sampled.</summary>
/// <param name="Key">The values of its primary key as PostgreSQL writes a row; <c>null</c> without a primary key.</param>
/// <param name="Sha256">The hash of its columns as PostgreSQL writes a row.</param>
public sealed record RecordedRow(string? Key, string Sha256);
