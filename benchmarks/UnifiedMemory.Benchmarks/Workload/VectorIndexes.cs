namespace UnifiedMemory.Benchmarks.Workload;

/// <summary>The one place that builds the vector indexes of a library's table and tells the library about them.</summary>
internal static class VectorIndexes
{
    public const string Full = "memories_embedding";

    public static string NameOf(MemoryType type) => $"{Full}_{TypeNames.NameOf(type)}";

    /// <summary>One of all memories and one of the small type, after the load.</summary>
    public static async Task BuildAsync(string schema, bool halfPrecision = false)
    {
        var (column, operators) = halfPrecision
            ? ($"(embedding::halfvec({ClusteredVectors.Dimensions}))", "halfvec_cosine_ops")
            : ("embedding", "vector_cosine_ops");
        await BuildOneAsync(Full, null);
        await BuildOneAsync(NameOf(MemorySet.SmallType), TypeNames.NameOf(MemorySet.SmallType));

        // With memory for the whole graph; one that does not fit is built many times slower.
        Task BuildOneAsync(string name, string? type) => BenchmarkServer.ExecuteAsync(
            $"""
            SET maintenance_work_mem = '4GB';
            CREATE INDEX IF NOT EXISTS {name} ON {schema}.memories USING hnsw ({column} {operators}) {(type is null ? "" : $"WHERE memory_type = '{type}'")};
            INSERT INTO {schema}.vector_indexes (name, memory_type, method, half_precision, lists, rows, effort)
            SELECT '{name}', {(type is null ? "NULL" : $"'{type}'")}, 'hnsw', {(halfPrecision ? "true" : "false")}, 0,
                   count(*) {(type is null ? "" : $"FILTER (WHERE memory_type = '{type}')")}, 100
            FROM {schema}.memories ON CONFLICT (name) DO NOTHING
            """);
    }

    /// <summary>The <c>hnsw.ef_search</c> that the library sets for a search through this index; 0 when there is no such index.</summary>
    public static Task<int> EffortAsync(string schema, string name) =>
        BenchmarkServer.QueryAsync<int>($"SELECT coalesce((SELECT effort FROM {schema}.vector_indexes WHERE name = '{name}'), 0)");

    public static Task SetEffortAsync(string schema, string name, int effort) =>
        BenchmarkServer.ExecuteAsync($"UPDATE {schema}.vector_indexes SET effort = {effort} WHERE name = '{name}'");
}
