namespace UnifiedMemory.Indexing;

/// <summary>The one owner of a vector index's DDL, so that another access method has one place to go.</summary>
internal static class VectorIndexDefinition
{
    /// <summary>pgvector's HNSW index on <c>vector</c> takes at most this many dimensions.</summary>
    public const int MaxDimensions = 2000;
}
