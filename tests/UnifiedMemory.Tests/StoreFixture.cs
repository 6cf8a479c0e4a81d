namespace UnifiedMemory.Tests;

/// <summary>A migrated store in a schema of its own for each test of the class.</summary>
public abstract class StoreFixture
{
    protected string Prefix { get; private set; } = "";

    protected RecordingEmbeddingProvider Embeddings { get; private set; } = null!;

    protected UnifiedMemoryStore Store { get; private set; } = null!;

    /// <summary>What stores embed with, when the test says nothing else.</summary>
    protected virtual IEmbeddingProvider Provider => Embeddings;

    [SetUp]
    public async Task CreateStoreAsync()
    {
        Prefix = $"t{Guid.NewGuid():N}"[..16] + "_";
        Embeddings = new RecordingEmbeddingProvider();
        Store = NewStore();
        await Store.MigrateAsync();
    }

    [TearDown]
    public async Task DropStoreAsync()
    {
        await Store.DisposeAsync();
        await TestServer.ExecuteAsync($"DROP SCHEMA IF EXISTS {Prefix}memories CASCADE");
    }

    protected string Outbox => $"{Prefix}memories.insight_outbox";

    /// <summary>All that waits for a sink, admitted to the outbox or not yet.</summary>
    protected string Queued =>
        $"(SELECT namespace, memory_id FROM {Prefix}memories.insight_arrivals UNION ALL SELECT namespace, memory_id FROM {Outbox}) AS queued";

    protected string Table => $"{Prefix}memories.memories";

    /// <summary>A condition on rows of the outbox.</summary>
    protected string IsAbout(params string[] contents) =>
        $"memory_id IN (SELECT id FROM {Table} WHERE content IN ({string.Join(", ", contents.Select(content => $"'{content}'"))}))";

    protected virtual UnifiedMemoryOptions NewOptions() => new() { ConnectionString = TestServer.ConnectionString, SchemaPrefix = Prefix };

    /// <summary>Another store on the same schema.</summary>
    protected UnifiedMemoryStore NewStore(
        Action<UnifiedMemoryOptions>? configure = null, IEmbeddingProvider? embeddings = null, IEnumerable<IInsightSink>? sinks = null)
    {
        var options = NewOptions();
        configure?.Invoke(options);
        return UnifiedMemoryStore.Create(options, embeddings ?? Provider, insightSinks: sinks);
    }

    /// <summary>
    /// Another store on the same schema, for which its database has Citus: it finds that in a view that is in front of the catalogue.
    /// </summary>
    protected async Task<UnifiedMemoryStore> NewDistributedStoreAsync(Action<UnifiedMemoryOptions>? configure = null)
    {
        await TestServer.ExecuteAsync(
            $"""
            CREATE VIEW {Prefix}memories.pg_extension AS
                SELECT extname, extversion, extnamespace FROM pg_catalog.pg_extension UNION ALL SELECT 'citus', '12.1', 'pg_catalog'::regnamespace
            """);
        return NewStore(options =>
        {
            options.ConnectionString += $";Search Path='{Prefix}memories,pg_catalog,public'";
            configure?.Invoke(options);
        });
    }

    protected static async Task<List<T>> ToListAsync<T>(IAsyncEnumerable<T> items)
    {
        var list = new List<T>();
        await foreach (var item in items)
            list.Add(item);
        return list;
    }
}
