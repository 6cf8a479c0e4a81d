using Npgsql;
using UnifiedMemory.Indexing;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Tests.Indexing;

/// <summary>A store with thresholds that a few hundred memories reach, and ways to fill it and to look at its indexes.</summary>
public abstract class IndexingFixture : StoreFixture
{
    protected const string OnAll = "memories_embedding";

    protected UnifiedMemoryStore Maintained { get; private set; } = null!;

    [SetUp]
    public void CreateMaintained() => Maintained = NewMaintained();

    [TearDown]
    public async Task DisposeMaintainedAsync() => await Maintained.DisposeAsync();

    /// <summary>Another store on the same schema, with an index from 300 memories on, and from 100 of a type.</summary>
    protected UnifiedMemoryStore NewMaintained(Action<UnifiedMemoryOptions>? configure = null) => NewStore(options =>
    {
        options.Indexes.Threshold = 300;
        options.Indexes.TypeThreshold = 100;
        configure?.Invoke(options);
    });

    /// <summary>Adds memories with random vectors.</summary>
    protected Task FillAsync(int rows, string type = "rag") => TestServer.ExecuteAsync(
        $"""
        INSERT INTO {Table} (namespace, id, memory_type, content, content_hash, identity_hash, embedding)
        SELECT 'default', id, '{type}', 'memory ' || id, sha256(id::text::bytea), sha256(id::text::bytea), vector
        FROM (SELECT gen_random_uuid() AS id,
                     (SELECT array_agg(random() - 0.5) FROM generate_series(1, 8) WHERE i = i)::real[]::vector AS vector
              FROM generate_series(1, {rows}) AS i OFFSET 0) AS memories;
        SELECT pg_stat_force_next_flush()
        """);

    protected static MaintainedIndex Find(IndexReport report, string name) => report.Indexes.Single(index => index.Name == name);

    /// <summary>The definition of a valid index, or an empty text.</summary>
    protected Task<string> DefinitionAsync(string name) => TestServer.ScalarAsync<string>(
        $"""
        SELECT COALESCE((SELECT pg_get_indexdef(indexrelid) FROM pg_index
            WHERE indexrelid = to_regclass('{Prefix}memories.{name}') AND indisvalid), '')
        """);

    /// <summary>The names of all vector indexes, valid or not, in one text.</summary>
    protected Task<string> VectorIndexesAsync() => TestServer.ScalarAsync<string>(
        $"""
        SELECT COALESCE(string_agg(relname, ' ' ORDER BY relname), '') FROM pg_index JOIN pg_class ON oid = indexrelid
        WHERE indrelid = '{Table}'::regclass AND relname LIKE 'memories_embedding%'
        """);

    /// <summary>What a search would read.</summary>
    internal async Task<IReadOnlyList<VectorIndex>> UsableAsync()
    {
        await using var database = new Database(NewOptions(), Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance, TimeProvider.System);
        return await new VectorIndexTable(database, new StoreSchema(Prefix)).ReadUsableAsync(CancellationToken.None);
    }

    /// <summary>From now on <c>builds</c> has what each build was begun with, as its session has it.</summary>
    protected Task RecordBuildsAsync() => TestServer.ExecuteAsync(
        $"""
        CREATE TABLE {Prefix}memories.builds (memory text, workers text);
        CREATE FUNCTION {Prefix}memories.record_build() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
            IF current_query() LIKE '%{Prefix}%' THEN
                INSERT INTO {Prefix}memories.builds
                VALUES (current_setting('maintenance_work_mem'), current_setting('max_parallel_maintenance_workers'));
            END IF;
        END $$;
        CREATE EVENT TRIGGER {Prefix}builds ON ddl_command_start WHEN TAG IN ('CREATE INDEX')
            EXECUTE FUNCTION {Prefix}memories.record_build()
        """);

    /// <summary>The server looks at the table only when the test tells it to.</summary>
    protected Task DisableAutovacuumAsync() => TestServer.ExecuteAsync($"ALTER TABLE {Table} SET (autovacuum_enabled = false)");

    protected Task StaleAsync() => TestServer.ExecuteAsync($"UPDATE {Prefix}memories.vector_indexes SET measured_at = now() - interval '8 days'");

    /// <summary>A session of the test's own, outside every pool.</summary>
    protected static async Task<NpgsqlConnection> OpenAsync(string application = "test")
    {
        var connection = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(TestServer.ConnectionString) { Pooling = false, ApplicationName = application }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    protected static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
