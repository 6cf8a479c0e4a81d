using UnifiedMemory.Postgres;

namespace UnifiedMemory.Tests.Searching;

/// <summary>Builds and registers vector indexes by hand. Stores keep what they know of them for half a minute: use a new one after it.</summary>
internal static class VectorIndexes
{
    public static Task CreateHnswAsync(string prefix, MemoryType? type = null, int effort = 40) =>
        CreateAsync(prefix, type, "hnsw", "", "embedding vector_cosine_ops", 0, effort);

    public static Task CreateHalfPrecisionAsync(string prefix, int dimensions, int effort = 40) =>
        CreateAsync(prefix, null, "hnsw", "", $"(embedding::halfvec({dimensions})) halfvec_cosine_ops", 0, effort);

    public static Task CreateIvfFlatAsync(string prefix, int lists, int effort) =>
        CreateAsync(prefix, null, "ivfflat", $"WITH (lists = {lists})", "embedding vector_cosine_ops", lists, effort);

    private static async Task CreateAsync(
        string prefix, MemoryType? type, string method, string with, string expression, int lists, int effort)
    {
        var typeName = type is { } one ? MemoryTypeNames.NameOf(one) : null;
        var name = typeName is null ? "memories_embedding" : $"memories_embedding_{typeName}";
        var where = typeName is null ? "" : $"WHERE memory_type = '{typeName}'";
        var half = expression.Contains("halfvec", StringComparison.Ordinal);
        await TestServer.ExecuteAsync(
            $"""
            CREATE INDEX {name} ON {prefix}memories.memories USING {method} ({expression}) {with} {where};
            INSERT INTO {prefix}memories.vector_indexes (name, memory_type, method, half_precision, lists, rows, effort)
            SELECT '{name}', {(typeName is null ? "NULL" : $"'{typeName}'")}, '{method}', {half}, {lists}, count(*), {effort}
            FROM {prefix}memories.memories {where};
            """);
        await TestServer.ExecuteAsync($"ANALYZE {prefix}memories.memories");
    }
}
