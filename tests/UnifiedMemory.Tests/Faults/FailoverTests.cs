using System.Diagnostics;
using Npgsql;
using UnifiedMemory.TestSupport;

namespace UnifiedMemory.Tests.Faults;

/// <summary>The primary dies under load, and its standby is promoted.</summary>
[NonParallelizable]
public sealed class FailoverTests
{
    [TestCase(true, TestName = "A_failover_with_searches_on_the_standby_loses_nothing")]
    [TestCase(false, TestName = "A_failover_with_searches_on_the_primary_loses_nothing")]
    public async Task A_failover_loses_nothing(bool preferStandby)
    {
        await using var primary = await PostgresCluster.StartAsync();
        await using var standby = await PostgresStandby.StartAsync(primary);
        await WaitForStandbyInCommitsAsync(primary);
        await using var store = UnifiedMemoryStore.Create(
            new UnifiedMemoryOptions { ConnectionString = standby.BothConnectionString, PreferStandby = preferStandby },
            new RecordingEmbeddingProvider());
        await store.MigrateAsync();
        var ledger = new Ledger(store);
        using var stop = new CancellationTokenSource();
        var searches = 0;
        var writing = ledger.WriteAsync(callers: 8, stop.Token);
        var searching = Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await store.SearchAsync(new MemoryQuery("ledger 1"));
                Interlocked.Increment(ref searches);
            }
        })));
        await Eventually.TrueAsync(() => ledger.Acknowledged > 50 && searches > 50, "writing and searching are under way");

        await primary.StopAsync(PostgresShutdown.Immediate);
        var acknowledged = ledger.Acknowledged;
        var searched = searches;

        // Long enough that the retries have reached their longest pause, and that the standby is known as one.
        var outage = Stopwatch.StartNew();
        await Eventually.TrueAsync(() => outage.Elapsed > TimeSpan.FromSeconds(3), "the outage lasts");
        if (preferStandby)
            Assert.That(searches, Is.GreaterThan(searched + 50), "searches go on without a primary");
        await standby.PromoteAsync();
        var promoted = Stopwatch.StartNew();
        await Eventually.TrueAsync(() => ledger.Acknowledged > acknowledged, "writes are back");
        var back = promoted.Elapsed;
        await Eventually.TrueAsync(() => ledger.Acknowledged > acknowledged + 100, "writing goes on");
        await stop.CancelAsync();
        await writing;
        await searching;

        TestContext.Out.WriteLine($"writes were back {back.TotalMilliseconds:0} ms after the promotion");
        Assert.That(back, Is.LessThan(TimeSpan.FromSeconds(3)));
        Assert.That(ledger.Failures, Is.Empty);
        await ledger.AssertAsync();
    }

    /// <summary>From then on, a commit is acknowledged when the standby has it too.</summary>
    private static async Task WaitForStandbyInCommitsAsync(PostgresCluster primary)
    {
        await using var connection = new NpgsqlConnection(primary.ConnectionString + ";Pooling=false");
        await connection.OpenAsync();
        foreach (var sql in new[] { "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()" })
        {
            await using var command = new NpgsqlCommand(sql, connection);
            await command.ExecuteNonQueryAsync();
        }

        await Eventually.TrueAsync(async () =>
        {
            await using var command = new NpgsqlCommand("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'", connection);
            return (long)(await command.ExecuteScalarAsync())! == 1;
        }, "the standby is a synchronous one");
    }
}
