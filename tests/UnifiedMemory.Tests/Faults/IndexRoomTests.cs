using Microsoft.Extensions.Logging;
using Npgsql;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Tests.Faults;

/// <summary>A server that has no room for an index: too little shared memory, as in a container, or a full disk.</summary>
public sealed class IndexRoomTests : FaultFixture
{
    [Test]
    public async Task A_parallel_build_that_gets_no_shared_memory_is_done_by_one_process()
    {
        await Store.StoreManyAsync(Enumerable.Range(0, 400).Select(i => new NewMemory($"memory {i}", MemoryType.Rag)));
        await ExecuteAsync(
            $"""
            ALTER TABLE {Table} SET (parallel_workers = 2);
            CREATE VIEW {Prefix}memories.pg_extension AS
                SELECT extname, CASE extname WHEN 'vector' THEN '0.8.4' ELSE extversion END AS extversion, extnamespace FROM pg_catalog.pg_extension;
            """);
        await Cluster.LimitFilesAsync(48L * 1024 * 1024);
        var options = new UnifiedMemoryOptions
        {
            ConnectionString = $"{Cluster.ConnectionString};Search Path='{Prefix}memories,pg_catalog,public'",
            SchemaPrefix = Prefix,
        };
        options.Indexes.Threshold = 300;
        var lines = new List<string>();
        using var loggers = LoggerFactory.Create(logging => logging.AddProvider(new ListLogger(lines)));
        await using var store = UnifiedMemoryStore.Create(options, Embeddings, loggers);

        var index = Find(await store.MaintainIndexesAsync(), "memories_embedding");

        Assert.That(index.Action, Is.EqualTo(IndexAction.Built), index.Reason);
        Assert.That(lines, Has.Some.Contains("is built with one process").And.Contains("enlarge /dev/shm").And.Contains("could not resize shared memory segment"));
        Assert.That(await VectorIndexesAsync(), Is.EqualTo("memories_embedding"));
    }

    [Test]
    public async Task An_index_whose_build_the_server_has_no_room_for_does_not_keep_the_others_from_theirs()
    {
        await Store.StoreManyAsync(Enumerable.Range(0, 1000).Select(i => new NewMemory($"memory {i}", i < 150 ? MemoryType.Insight : MemoryType.Rag)));
        await ExecuteAsync(
            $$"""
            CREATE SEQUENCE {{Prefix}}memories.calls;
            CREATE OR REPLACE FUNCTION vector_norm(vector) RETURNS float8 IMMUTABLE STRICT PARALLEL SAFE LANGUAGE plpgsql AS $f$
            BEGIN
                IF nextval('{{Prefix}}memories.calls') = 1 THEN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END IF;
                RETURN sqrt(-($1 <#> $1));
            END $f$;
            """);
        await using var store = NewStore(options => (options.Indexes.Threshold, options.Indexes.TypeThreshold) = (300, 100));

        var report = await store.MaintainIndexesAsync();

        var (all, insights) = (Find(report, "memories_embedding"), Find(report, "memories_embedding_insight"));
        Assert.That((all.Action, insights.Action), Is.EqualTo((IndexAction.Failed, IndexAction.Built)), insights.Reason);
        Assert.That(all.Reason, Does.StartWith("its disk is full").And.Contain("SQLSTATE 53100"));
        Assert.That(await VectorIndexesAsync(), Is.EqualTo("memories_embedding_insight"), "what was begun takes no room");
        Assert.That(Find(await store.MaintainIndexesAsync(), "memories_embedding").Action, Is.EqualTo(IndexAction.Built));
        await ExecuteAsync("CREATE OR REPLACE FUNCTION vector_norm(vector) RETURNS float8 AS '$libdir/vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE");
    }

    [TestCase("53100", "dsm_impl.c", "its shared memory is too small")]
    [TestCase("53200", "dsm_impl.c", "its shared memory is too small")]
    [TestCase("53100", "fd.c", "its disk is full")]
    public void Shared_memory_that_is_too_small_is_told_from_a_full_disk(string state, string file, string advice)
    {
        var failure = DatabaseFailure.Describe("search", new PostgresException("no space", "ERROR", "ERROR", state, file: file));

        Assert.That(failure.Message, Does.StartWith($"The database failed in 'search': {advice}").And.Contain($"(SQLSTATE {state}: no space)"));
        Assert.That(failure.IsTransient, Is.False);
    }

    private static MaintainedIndex Find(IndexReport report, string name) => report.Indexes.Single(index => index.Name == name);

    private Task<string> VectorIndexesAsync() => ScalarAsync<string>(
        $"""
        SELECT COALESCE(string_agg(relname, ' ' ORDER BY relname), '') FROM pg_index JOIN pg_class ON oid = indexrelid
        WHERE indrelid = '{Table}'::regclass AND relname LIKE 'memories_embedding%'
        """);
}
