namespace UnifiedMemory.Backup;

/// <summary>
/// What a backup is and what restoring it must give; a JSON file beside its data. It is written last: a backup without a
/// manifest does not exist.
/// </summary>
public sealed record BackupManifest
{
    /// <summary>Version of this format: 1.</summary>
    public int FormatVersion { get; init; } = 1;

    /// <summary>Names the backup.</summary>
    public required string Id { get; init; }

    /// <summary>How it was made.</summary>
    public required BackupKind Kind { get; init; }

    /// <summary>The store's <see cref="UnifiedMemoryOptions.SchemaPrefix"/>.</summary>
    public required string SchemaPrefix { get; init; }

    /// <summary>The store's schemas that exist.</summary>
    public required IReadOnlyList<string> Schemas { get; init; }

    /// <summary>The database that the store is in.</summary>
    public required string Database { get; init; }

    /// <summary>The machine that made the backup.</summary>
    public required string Host { get; init; }

    /// <summary>When it was begun.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>When all of it was kept: by the clock of the host or of the server, whichever is later.</summary>
    public required DateTimeOffset FinishedAt { get; init; }

    /// <summary>Version of PostgreSQL, for example <c>17.2</c>.</summary>
    public required string ServerVersion { get; init; }

    /// <summary>Version of each extension in the database.</summary>
    public required IReadOnlyDictionary<string, string> Extensions { get; init; }

    /// <summary>Version of the store's schema.</summary>
    public required long SchemaVersion { get; init; }

    /// <summary>The store's <see cref="UnifiedMemoryOptions.TextSearchConfiguration"/>.</summary>
    public required string TextSearchConfiguration { get; init; }

    /// <summary>The embedding space of its vectors.</summary>
    public required EmbeddingSpace Space { get; init; }

    /// <summary>The file with the data.</summary>
    public required string FileName { get; init; }

    /// <summary>Size of that file in bytes.</summary>
    public required long Bytes { get; init; }

    /// <summary>SHA-256 of that file, in hexadecimal digits.</summary>
    public required string Sha256 { get; init; }

    /// <summary>
    /// The first file of the write-ahead log that restoring needs, and the archive must keep; <c>null</c> for a logical backup.
    /// </summary>
    public string? FirstWalFile { get; init; }

    /// <summary>
    /// Every table. A physical backup is of a moment near its end, so its rows may differ from these, and are not compared.
    /// </summary>
    public required IReadOnlyList<RecordedTable> Tables { get; init; }

    /// <summary>Valid indexes, with their schemas.</summary>
    public required IReadOnlyList<string> Indexes { get; init; }

    /// <summary>Constraints, with their schemas and tables.</summary>
    public required IReadOnlyList<string> Constraints { get; init; }

    /// <summary>Searches with recorded answers.</summary>
    public required IReadOnlyList<CanarySearch> Canaries { get; init; }
}
