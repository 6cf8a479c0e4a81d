namespace UnifiedMemory.Benchmarks.Workload;

/// <summary>What the library's index maintenance has registered: raw Npgsql searches with the same, and a sweep changes it.</summary>
internal static class VectorIndexes
{
    public const string Full = "memories_embedding";

    public static string NameOf(MemoryType type) => $"{Full}_{TypeNames.NameOf(type)}";

    /// <summary>The <c>hnsw.ef_search</c> that the library sets for a search through this index; 0 when there is no such index.</summary>
    public static Task<int> EffortAsync(string schema, string name) =>
        BenchmarkServer.QueryAsync<int>($"SELECT coalesce((SELECT effort FROM {schema}.vector_indexes WHERE name = '{name}'), 0)");

    public static Task SetEffortAsync(string schema, string name, int effort) =>
        BenchmarkServer.ExecuteAsync($"UPDATE {schema}.vector_indexes SET effort = {effort} WHERE name = '{name}'");
}
