using System.Diagnostics;

namespace UnifiedMemory.Benchmarks.Workload;

/// <summary>A table of so many memories, stored by the library, and kept for later runs on the same server.</summary>
internal static class SearchedTable
{
    private const int Chunk = 5_000;

    /// <summary>Rows of the tables that are searched.</summary>
    public static int[] Sizes { get; set; } = [20_000];

    public static string PrefixOf(int rows) => $"bench_{rows}_";

    /// <summary>Makes it unless it is there: loads first, indexes after.</summary>
    public static async Task EnsureAsync(int rows)
    {
        var provider = new LookupEmbeddingProvider();
        await using var store = UnifiedMemoryStore.Create(Options(rows), provider);
        await store.MigrateAsync();
        var schema = PrefixOf(rows) + "memories";
        var indexed = await BenchmarkServer.QueryAsync<bool>($"SELECT to_regclass('{schema}.memories_embedding') IS NOT NULL");
        if (indexed && await store.CountAsync(new MemoryFilter { Namespace = MemoryFilter.AllNamespaces }) == rows)
            return;

        var started = Stopwatch.GetTimestamp();
        Console.WriteLine($"// loading {rows:N0} memories");
        var index = await VectorIndexes.DropAsync(schema);
        await BenchmarkServer.ExecuteAsync($"TRUNCATE {schema}.memories");
        var vectors = new ClusteredVectors(seed: 1);
        for (var first = 0; first < rows; first += Chunk)
        {
            var memories = MemorySet.Create("memory", first, Math.Min(Chunk, rows - first)).ToList();
            provider.Clear();
            foreach (var memory in memories)
                provider.Add(memory.Content, vectors.Next());
            await store.StoreManyAsync(memories);
        }

        await VectorIndexes.CreateAsync(index);
        await BenchmarkServer.ExecuteAsync($"VACUUM ANALYZE {schema}.memories");
        Console.WriteLine($"// loaded and indexed in {Stopwatch.GetElapsedTime(started).TotalSeconds:0} s");
    }

    public static UnifiedMemoryOptions Options(int rows) =>
        new() { ConnectionString = BenchmarkServer.ConnectionString, SchemaPrefix = PrefixOf(rows) };
}
