using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Sides;

/// <summary>The library as it comes, with vectors that are known beforehand.</summary>
internal sealed class LibrarySide : ISide
{
    private readonly LookupEmbeddingProvider _provider;

    private LibrarySide(string prefix, LookupEmbeddingProvider provider, Action<UnifiedMemoryOptions>? configure)
    {
        _provider = provider;
        var options = new UnifiedMemoryOptions { ConnectionString = BenchmarkServer.ConnectionString, SchemaPrefix = prefix };

        // Few memories have an index, too, and so has the small type in a quick run; and a million memories fit.
        options.Indexes.Threshold = 1;
        options.Indexes.TypeThreshold = 1_000;
        options.Indexes.MaxMemoryBytes = 4L * 1024 * 1024 * 1024;
        configure?.Invoke(options);
        Store = UnifiedMemoryStore.Create(options, provider);
    }

    public string Name => "library";

    public UnifiedMemoryStore Store { get; }

    /// <summary>With its schema in place.</summary>
    public static async Task<LibrarySide> CreateAsync(string prefix, LookupEmbeddingProvider provider, Action<UnifiedMemoryOptions>? configure = null)
    {
        var side = new LibrarySide(prefix, provider, configure);
        await side.Store.MigrateAsync();
        return side;
    }

    /// <summary>After a load.</summary>
    public Task BuildIndexesAsync() => Store.MaintainIndexesAsync();

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
