namespace UnifiedMemory;

/// <summary>Which steps of the schema a database has, and which this library would still apply.</summary>
/// <param name="Applied">Versions that are applied, ascending.</param>
/// <param name="Pending">Versions that this library knows and the database lacks, ascending.</param>
public sealed record MigrationStatus(IReadOnlyList<long> Applied, IReadOnlyList<long> Pending);
