using System.Diagnostics;
using UnifiedMemory.Benchmarks.Sides;

namespace UnifiedMemory.Benchmarks.Workload;

/// <summary>
/// A table of so many memories, stored by the library and searched by the library and raw Npgsql, and the same memories in a
/// table of EF Core. Kept for later runs on the same server.
/// </summary>
internal static class SearchedTable
{
    private const int Chunk = 5_000;

    /// <summary>Rows of the tables that BenchmarkDotNet has searched.</summary>
    public static int[] Sizes { get; set; } = [20_000];

    public static string PrefixOf(int rows) => $"load_{rows}_";

    public static string SchemaOf(int rows) => PrefixOf(rows) + "memories";

    public static string EfSchemaOf(int rows) => PrefixOf(rows) + "ef";

    /// <summary>Makes it unless it is there: loads first, indexes after.</summary>
    public static async Task EnsureAsync(int rows)
    {
        var (schema, started) = (SchemaOf(rows), Stopwatch.GetTimestamp());
        if (await BenchmarkServer.QueryAsync<bool>(
            $"SELECT to_regclass('{schema}.memories_embedding') IS NOT NULL AND to_regclass('{EfSchemaOf(rows)}.memories_embedding') IS NOT NULL"))
        {
            return;
        }

        await BenchmarkServer.ExecuteAsync($"DROP SCHEMA IF EXISTS {schema} CASCADE");
        var provider = new LookupEmbeddingProvider();
        await using (var library = await LibrarySide.CreateAsync(PrefixOf(rows), provider))
        {
            foreach (var memories in MemoryToStore.Create("memory", rows, seed: 1).Chunk(Chunk))
                await library.StoreManyAsync(memories);
            await library.BuildIndexesAsync();
        }

        await BenchmarkServer.ExecuteAsync($"VACUUM ANALYZE {schema}.memories");
        await EfSide.CopyTableAsync(schema, EfSchemaOf(rows));
        Console.WriteLine($"// {rows:N0} memories loaded and indexed twice in {Stopwatch.GetElapsedTime(started).TotalSeconds:0} s");
    }
}
