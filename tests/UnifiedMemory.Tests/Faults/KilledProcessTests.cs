using System.Diagnostics;

namespace UnifiedMemory.Tests.Faults;

/// <summary>A host that is killed in the middle of a batch, and the one that does its work again.</summary>
public sealed class KilledProcessTests : FaultFixture
{
    private const string ConnectionVariable = "UNIFIED_MEMORY_TEST_INGEST_CONNECTION";
    private const string PrefixVariable = "UNIFIED_MEMORY_TEST_INGEST_PREFIX";

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
        await store.StoreManyAsync(Memories);
        Environment.Exit(0);
    }

    private Process StartChild()
    {
        var assembly = typeof(KilledProcessTests).Assembly.Location;
        return Process.Start(new ProcessStartInfo("dotnet", ["exec", assembly])
        {
            Environment =
            {
                ["DOTNET_STARTUP_HOOKS"] = assembly,
                [ConnectionVariable] = Cluster.ConnectionString,
                [PrefixVariable] = Prefix,
            },
        })!;
    }
}
