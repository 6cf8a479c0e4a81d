namespace UnifiedMemory;

/// <summary>The kind of a vector index.</summary>
public enum VectorIndexMethod
{
    /// <summary>A graph: the better recall for the time, slower to build, and built in memory.</summary>
    Hnsw,

    /// <summary>Lists around centres: built in a fraction of the time and memory, and slower to search.</summary>
    IvfFlat,
}
