namespace UnifiedMemory.Backup.Contents;

/// <summary>What a store holds at one moment, in so far as a restored one can be compared with it.</summary>
internal sealed record RecordedContents
{
    public required string ServerVersion { get; init; }

    public required IReadOnlyList<string> Schemas { get; init; }

    public required IReadOnlyDictionary<string, string> Extensions { get; init; }

    public required long SchemaVersion { get; init; }

    public required string TextSearchConfiguration { get; init; }

    public required EmbeddingSpace Space { get; init; }

    public required IReadOnlyList<RecordedTable> Tables { get; init; }

    public required IReadOnlyList<string> Indexes { get; init; }

    public required IReadOnlyList<string> Constraints { get; init; }

    public required IReadOnlyList<CanarySearch> Canaries { get; init; }
}
