using System.Diagnostics;
using Npgsql;

namespace UnifiedMemory.Tests.Faults;

/// <summary>A host that is killed in the middle of a batch or of a migration, and the one that does its work again.</summary>
public sealed class KilledProcessTests : FaultFixture
{
    private const string ConnectionVariable = "UNIFIED_MEMORY_TEST_INGEST_CONNECTION";
    private const string PrefixVariable = "UNIFIED_MEMORY_TEST_INGEST_PREFIX";
    private const string MigrateVariable = "UNIFIED_MEMORY_TEST_MIGRATE";

    private static IEnumerable<NewMemory> Memories =>
        Enumerable.Range(0, 10_000).Select(i => new NewMemory($"memory {i}", MemoryType.Rag) { Metadata = new() { ["n"] = i } });

    [Test]
    public async Task A_batch_of_ten_thousand_is_finished_by_the_next_run_after_a_kill()
    {
        using var child = StartChild();
        await Eventually.TrueAsync(
            async () => child.HasExited || await ScalarAsync<long>($"SELECT count(*) FROM {Table}") >= 1000, "the child has written some of its memories");
        child.Kill();
        await child.WaitForExitAsync();
        var afterKill = await ScalarAsync<long>($"SELECT count(*) FROM {Table}");
        Assert.That(afterKill, Is.InRange(1000, 9999), "it was killed in the middle");

        var results = await Store.StoreManyAsync(Memories);

        Assert.That(results.Count(result => result.Outcome == StoreOutcome.AlreadyStored), Is.GreaterThanOrEqualTo(1000));
        Assert.That(results.Where(result => result.Outcome == StoreOutcome.Rejected), Is.Empty);
        Assert.That(await ScalarAsync<long>($"SELECT count(*) FROM {Table}"), Is.EqualTo(10_000));
        Assert.That(await ScalarAsync<long>($"SELECT count(DISTINCT metadata->'n') FROM {Table} WHERE content = 'memory ' || (metadata->>'n')"), Is.EqualTo(10_000), "no half memory");
    }

    [TestCase("memories", 0)]
    [TestCase("vector_indexes", 2)]
    public async Task A_migration_is_finished_by_the_next_run_after_a_kill_in_a_step(string relation, int applied)
    {
        await Store.MigrateDownAsync(0);
        await using var blocker = await OpenAsync();
        await using var transaction = await blocker.BeginTransactionAsync();
        await using (var command = new NpgsqlCommand($"CREATE TABLE {Prefix}memories.{relation} ()", blocker, transaction))
            await command.ExecuteNonQueryAsync();
        using var child = StartChild(migrate: true);
        await Eventually.TrueAsync(
            async () => await ScalarAsync<long>("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'CREATE %'") == 1,
            "the child's step waits for the name");
        child.Kill();
        await child.WaitForExitAsync();
        Assert.That((await Store.GetMigrationStatusAsync()).Applied, Has.Count.EqualTo(applied), "it was killed in the step");

        // The session of the child has not noticed yet: it goes on now, beside the next run.
        await transaction.RollbackAsync();
        if (applied > 0)
        {
            await using var other = NewStore(embeddings: new RecordingEmbeddingProvider(model: "another"));
            Assert.That(
                async () => await other.MigrateAsync(),
                Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contain("another embedding space"), "the space is that of the vectors");
        }

        Assert.That((await Store.MigrateAsync()).Pending, Is.Empty);
        Assert.That(await ScalarAsync<long>("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), Is.Zero);
        await Store.StoreAsync(new NewMemory("angle 0", MemoryType.Rag));
        Assert.That(await Store.SearchAsync(new MemoryQuery("angle 0")), Has.Count.EqualTo(1));
    }

    /// <summary>What the child does, when it is one.</summary>
    internal static async Task RunChildAsync()
    {
        if (Environment.GetEnvironmentVariable(ConnectionVariable) is not { Length: > 0 } connection)
            return;
        var options = new UnifiedMemoryOptions
        {
            ConnectionString = connection,
            SchemaPrefix = Environment.GetEnvironmentVariable(PrefixVariable)!,
            StoreBatchSize = 100,
        };
        await using var store = UnifiedMemoryStore.Create(options, new RecordingEmbeddingProvider());
        if (Environment.GetEnvironmentVariable(MigrateVariable) is { Length: > 0 })
            await store.MigrateAsync();
        else
            await store.StoreManyAsync(Memories);
        Environment.Exit(0);
    }

    private Process StartChild(bool migrate = false)
    {
        var assembly = typeof(KilledProcessTests).Assembly.Location;
        return Process.Start(new ProcessStartInfo("dotnet", ["exec", assembly])
        {
            Environment =
            {
                ["DOTNET_STARTUP_HOOKS"] = assembly,
                [ConnectionVariable] = Cluster.ConnectionString,
                [PrefixVariable] = Prefix,
                [MigrateVariable] = migrate ? "yes" : "",
            },
        })!;
    }
}
