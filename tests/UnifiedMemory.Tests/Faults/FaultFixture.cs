using Npgsql;
using UnifiedMemory.TestSupport;

namespace UnifiedMemory.Tests.Faults;

/// <summary>A server of the fixture's own, which its tests may stop and kill, with a new store for each test.</summary>
[NonParallelizable]
public abstract class FaultFixture
{
    private int _number;

    protected PostgresCluster Cluster { get; private set; } = null!;

    protected RecordingEmbeddingProvider Embeddings { get; private set; } = null!;

    protected UnifiedMemoryStore Store { get; private set; } = null!;

    protected string Prefix { get; private set; } = "";

    protected string Table => $"{Prefix}memories.memories";

    protected string Outbox => $"{Prefix}memories.insight_outbox";

    /// <summary>All that waits for a sink, admitted to the outbox or not yet.</summary>
    protected string Queued =>
        $"(SELECT namespace, memory_id FROM {Prefix}memories.insight_arrivals UNION ALL SELECT namespace, memory_id FROM {Outbox}) AS queued";

    protected virtual Dictionary<string, string> ServerSettings => [];

    [OneTimeSetUp]
    public async Task StartClusterAsync() => Cluster = await PostgresCluster.StartAsync(ServerSettings);

    [OneTimeTearDown]
    public async Task StopClusterAsync()
    {
        if (Cluster is not null)
            await Cluster.DisposeAsync();
    }

    [SetUp]
    public async Task CreateStoreAsync()
    {
        Prefix = $"f{_number++}_";
        Embeddings = new RecordingEmbeddingProvider();
        Store = NewStore();
        await Store.MigrateAsync();
    }

    [TearDown]
    public async Task DisposeStoreAsync() => await Store.DisposeAsync();

    protected UnifiedMemoryStore NewStore(
        Action<UnifiedMemoryOptions>? configure = null, IEmbeddingProvider? embeddings = null, IEnumerable<IInsightSink>? sinks = null)
    {
        var options = new UnifiedMemoryOptions { ConnectionString = Cluster.ConnectionString, SchemaPrefix = Prefix };
        configure?.Invoke(options);
        return UnifiedMemoryStore.Create(options, embeddings ?? Embeddings, insightSinks: sinks);
    }

    /// <summary>
    /// From now on, the server fails the first writes to the table with this SQLSTATE. The sequence counts attempts: it is
    /// not rolled back with the transaction.
    /// </summary>
    protected Task FailWritesAsync(string sqlState, int times) => ExecuteAsync(
        $$"""
        CREATE SEQUENCE {{Prefix}}memories.attempts;
        CREATE FUNCTION {{Prefix}}memories.fail() RETURNS trigger LANGUAGE plpgsql AS $f$
        BEGIN
            IF nextval('{{Prefix}}memories.attempts') <= {{times}} THEN RAISE EXCEPTION 'injected' USING ERRCODE = '{{sqlState}}'; END IF;
            RETURN NEW;
        END $f$;
        CREATE TRIGGER fail BEFORE INSERT ON {{Table}} FOR EACH STATEMENT EXECUTE FUNCTION {{Prefix}}memories.fail();
        """);

    protected Task<long> AttemptsAsync() => ScalarAsync<long>($"SELECT last_value FROM {Prefix}memories.attempts");

    protected async Task ExecuteAsync(string sql)
    {
        await using var connection = await OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    protected async Task<T> ScalarAsync<T>(string sql)
    {
        await using var connection = await OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>A session of the test's own, outside every pool.</summary>
    protected async Task<NpgsqlConnection> OpenAsync()
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(Cluster.ConnectionString) { Pooling = false, ApplicationName = "test" }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }
}
