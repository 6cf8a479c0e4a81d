using Microsoft.Extensions.Logging;
using Npgsql;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Tests.Faults;

/// <summary>A server with less shared memory than a parallel build asks for, as in a container.</summary>
public sealed class SharedMemoryTests : FaultFixture
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

        var index = (await store.MaintainIndexesAsync()).Indexes.Single(index => index.Name == "memories_embedding");

        Assert.That(index.Action, Is.EqualTo(IndexAction.Built), index.Reason);
        Assert.That(lines, Has.Some.Contains("is built with one process").And.Contains("enlarge /dev/shm").And.Contains("could not resize shared memory segment"));
        Assert.That(await ScalarAsync<string>(
            $"SELECT string_agg(relname, ' ') FROM pg_index JOIN pg_class ON oid = indexrelid WHERE indrelid = '{Table}'::regclass AND relname LIKE 'memories_embedding%'"),
            Is.EqualTo("memories_embedding"));
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
}
