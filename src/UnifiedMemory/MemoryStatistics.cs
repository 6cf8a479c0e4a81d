namespace UnifiedMemory;

/// <summary>What a store holds, over all namespaces. Counted exactly, by reading the table.</summary>
public sealed record MemoryStatistics
{
    /// <summary>Memories that can be seen.</summary>
    public required long Count { get; init; }

    /// <summary>Memories that can be seen, by type. Every type is there.</summary>
    public required IReadOnlyDictionary<MemoryType, long> CountByType { get; init; }

    /// <summary>Expired memories that wait to be purged.</summary>
    public required long Expired { get; init; }

    /// <summary>Namespaces that hold a memory that can be seen.</summary>
    public required long Namespaces { get; init; }

    /// <summary>Bytes of the table on disk, with TOAST, without indexes.</summary>
    public required long TableBytes { get; init; }

    /// <summary>Bytes of the table's indexes on disk.</summary>
    public required long IndexBytes { get; init; }

    /// <summary>When the oldest visible memory was created; <c>null</c> in an empty store.</summary>
    public DateTimeOffset? Oldest { get; init; }

    /// <summary>When the newest visible memory was created; <c>null</c> in an empty store.</summary>
    public DateTimeOffset? Newest { get; init; }
}
