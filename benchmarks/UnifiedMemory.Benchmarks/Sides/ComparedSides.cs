using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Sides;

/// <summary>The library, its limit, and what a .NET user would otherwise write.</summary>
internal sealed record ComparedSides(LibrarySide Library, RawSide Raw, EfSide Ef) : IAsyncDisposable
{
    public const int LibraryIndex = 0;
    public const int RawIndex = 1;
    public const int EfIndex = 2;

    public IReadOnlyList<ISide> All { get; } = [Library, Raw, Ef];

    /// <summary>For searches in a <see cref="SearchedTable"/>.</summary>
    public static async Task<ComparedSides> OpenAsync(int rows, SearchSet set)
    {
        await SearchedTable.EnsureAsync(rows);
        return new ComparedSides(
            await LibrarySide.CreateAsync(SearchedTable.PrefixOf(rows), set.Provider()),
            new RawSide(SearchedTable.SchemaOf(rows)),
            new EfSide(SearchedTable.EfSchemaOf(rows)));
    }

    /// <summary>For storing into three empty tables, of which two have the library's schema.</summary>
    public static async Task<ComparedSides> CreateEmptyAsync(string prefix)
    {
        await BenchmarkServer.ExecuteAsync(
            $"DROP SCHEMA IF EXISTS {prefix}memories CASCADE; DROP SCHEMA IF EXISTS {prefix}raw_memories CASCADE");
        var sides = new ComparedSides(
            await LibrarySide.CreateAsync(prefix, new LookupEmbeddingProvider()),
            new RawSide($"{prefix}raw_memories"),
            new EfSide($"{prefix}ef"));
        await using var schema = await LibrarySide.CreateAsync($"{prefix}raw_", new LookupEmbeddingProvider());
        await EfSide.CreateTableAsync($"{prefix}ef");
        return sides;
    }

    /// <summary>The same vector indexes for all three, however few memories there are yet.</summary>
    public static async Task BuildIndexesAsync(string prefix)
    {
        foreach (var one in (string[])[prefix, $"{prefix}raw_"])
        {
            await using var library = await LibrarySide.CreateAsync(one, new LookupEmbeddingProvider());
            await library.BuildIndexesAsync();
        }

        await EfSide.BuildIndexAsync($"{prefix}ef");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var side in All)
            await side.DisposeAsync();
    }
}
