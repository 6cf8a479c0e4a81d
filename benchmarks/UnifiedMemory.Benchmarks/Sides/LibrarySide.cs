using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Sides;

/// <summary>The library as it comes: its own options, and vectors that are known beforehand.</summary>
internal sealed class LibrarySide : ISide
{
    private readonly LookupEmbeddingProvider _provider;

    private LibrarySide(string prefix, LookupEmbeddingProvider provider, int? efSearch)
    {
        _provider = provider;
        var options = new UnifiedMemoryOptions { ConnectionString = BenchmarkServer.ConnectionString, SchemaPrefix = prefix };
        options.Hnsw.EfSearch = efSearch ?? options.Hnsw.EfSearch;
        Store = UnifiedMemoryStore.Create(options, provider);
    }

    public string Name => "library";

    public UnifiedMemoryStore Store { get; }

    /// <summary>With its schema in place.</summary>
    public static async Task<LibrarySide> CreateAsync(string prefix, LookupEmbeddingProvider provider, int? efSearch = null)
    {
        var side = new LibrarySide(prefix, provider, efSearch);
        await side.Store.MigrateAsync();
        return side;
    }

    public Task<IReadOnlyList<MemoryMatch>> SearchAsync(SearchCase searched, SearchText text) =>
        Store.SearchAsync(SearchCases.QueryOf(searched, text.Text));

    public async Task StoreAsync(MemoryToStore memory)
    {
        _provider.Add(memory.Memory.Content, memory.Vector);
        Require(await Store.StoreAsync(memory.Memory));
    }

    public async Task StoreManyAsync(IReadOnlyList<MemoryToStore> memories)
    {
        foreach (var memory in memories)
            _provider.Add(memory.Memory.Content, memory.Vector);
        foreach (var stored in await Store.StoreManyAsync(memories.Select(memory => memory.Memory)))
            Require(stored);
    }

    public ValueTask DisposeAsync() => Store.DisposeAsync();

    private static void Require(StoredMemory stored)
    {
        if (stored.Outcome != StoreOutcome.Created)
            throw new InvalidOperationException($"A new memory was {stored.Outcome}.");
    }
}
