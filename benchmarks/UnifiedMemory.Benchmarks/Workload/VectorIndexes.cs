namespace UnifiedMemory.Benchmarks.Workload;

/// <summary>Takes the vector indexes of a store away and puts them back, whatever the library's schema says they are.</summary>
internal static class VectorIndexes
{
    /// <summary>Returns the statements that make them again.</summary>
    public static async Task<string> DropAsync(string schema)
    {
        var definitions = await BenchmarkServer.QueryAsync<string>(
            $"""
            SELECT COALESCE(string_agg(indexdef || ';', ' '), '') FROM pg_indexes
            WHERE schemaname = '{schema}' AND tablename = 'memories' AND indexdef LIKE '%USING hnsw%'
            """);
        await BenchmarkServer.ExecuteAsync(
            $"""
            DO $$
            DECLARE name text;
            BEGIN
                FOR name IN SELECT indexname FROM pg_indexes
                    WHERE schemaname = '{schema}' AND tablename = 'memories' AND indexdef LIKE '%USING hnsw%' LOOP
                    EXECUTE format('DROP INDEX {schema}.%I', name);
                END LOOP;
            END $$
            """);
        return definitions;
    }

    /// <summary>With memory for the whole graph; one that does not fit is built many times slower.</summary>
    public static async Task CreateAsync(string definitions)
    {
        if (definitions.Length > 0)
            await BenchmarkServer.ExecuteAsync($"SET maintenance_work_mem = '1GB'; {definitions}");
    }
}
