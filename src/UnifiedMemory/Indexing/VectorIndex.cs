using System.Globalization;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Indexing;

/// <summary>The one owner of the vector index's DDL, so that another access method has one place to go.</summary>
internal sealed class VectorIndex(StoreSchema schema, HnswOptions options)
{
    /// <summary>pgvector's HNSW index on <c>vector</c> takes at most this many dimensions.</summary>
    public const int MaxDimensions = 2000;

    private const string Name = "memories_embedding";

    public string Create => string.Create(
        CultureInfo.InvariantCulture,
        $"""
        CREATE INDEX {Name} ON {schema.Memories} USING hnsw (embedding vector_cosine_ops)
        WITH (m = {options.M}, ef_construction = {options.EfConstruction})
        """);

    public string Drop => $"DROP INDEX IF EXISTS {schema.Quoted}.{Name}";
}
