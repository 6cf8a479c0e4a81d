namespace UnifiedMemory;

/// <summary>One index on the memories, and what <c>MaintainIndexesAsync</c> did about it.</summary>
public sealed record MaintainedIndex
{
    /// <summary>The index's name, in the store's schema.</summary>
    public required string Name { get; init; }

    /// <summary>The kind of a vector index; <c>null</c> for the table's other indexes, which are only looked at.</summary>
    public VectorIndexMethod? Method { get; init; }

    /// <summary>The one memory type that a vector index holds; <c>null</c> for all.</summary>
    public MemoryType? Type { get; init; }

    /// <summary>What was done.</summary>
    public IndexAction Action { get; init; }

    /// <summary>Why. Where something is in the way of a build: the process on the server, and the name of its application.</summary>
    public string Reason { get; init; } = "";

    /// <summary>Memories in it, or that would be in it; from the server's statistics above 100,000.</summary>
    public long Rows { get; init; }

    /// <summary>Bytes on disk; 0 when there is none.</summary>
    public long SizeBytes { get; init; }

    /// <summary>How long its build took, also when that was earlier; <c>null</c> when somebody else built it.</summary>
    public TimeSpan? BuildTime { get; init; }

    /// <summary>What a search sets for the recall asked for: <c>hnsw.ef_search</c> or <c>ivfflat.probes</c>.</summary>
    public int? Effort { get; init; }

    /// <summary>The recall at 20 that was measured with that effort, 0 to 1; <c>null</c> before it is measured.</summary>
    public double? Recall { get; init; }

    /// <summary>
    /// Scans for searches on the primary since the server's statistics were reset. Measurements are not counted.
    /// </summary>
    public long Scans { get; init; }

    /// <summary>
    /// Whether nothing was searched through it for at least seven days. Searches on a standby are not seen, and a server that was restarted or
    /// promoted, or whose statistics were reset, within these days is not judged. It is for you to decide; nothing is dropped for it.
    /// </summary>
    public bool IsUnused { get; init; }
}
