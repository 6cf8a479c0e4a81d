using Npgsql;
using UnifiedMemory.Tests.Faults;
using UnifiedMemory.TestSupport;

namespace UnifiedMemory.Tests.Insights;

/// <summary>Killed processes, lost answers, sinks that come and go: no insight without its row, none lost, none twice by its key.</summary>
public sealed class InsightFaultTests : FaultFixture
{
    /// <summary>Insights without a row and rows without an insight.</summary>
    private string Mismatches =>
        $"""
        SELECT count(*) FROM (SELECT namespace, id FROM {Table} WHERE memory_type = 'insight') AS insight
        FULL JOIN {Queued} ON queued.namespace = insight.namespace AND queued.memory_id = insight.id
        WHERE insight.id IS NULL OR queued.memory_id IS NULL
        """;

    [Test]
    public async Task A_process_killed_in_a_batch_leaves_each_insight_with_its_row_and_the_next_run_completes_them()
    {
        using (var child = InsightHost.Start(Cluster.ConnectionString, Prefix, dispatch: false))
        {
            await Eventually.TrueAsync(
                async () => child.HasExited || await ScalarAsync<long>($"SELECT count(*) FROM {Queued}") >= 200, "the child has queued some");
            child.Kill();
            await child.WaitForExitAsync();
        }

        Assert.That(await ScalarAsync<long>($"SELECT count(*) FROM {Queued}"), Is.InRange(200, InsightHost.Count - 1), "it was killed in the middle");
        Assert.That(await ScalarAsync<long>(Mismatches), Is.Zero);
        await using var store = NewStore(InsightHost.Configure, sinks: [new RecordingSink("database")]);
        await store.StoreManyAsync(InsightHost.Memories);

        Assert.That(await ScalarAsync<long>(Mismatches), Is.Zero);
        Assert.That(await ScalarAsync<long>($"SELECT count(*) FROM {Queued}"), Is.EqualTo(InsightHost.Count));
        Assert.That(
            await ScalarAsync<long>(
                $"""
                SELECT count(*) FROM {Table} AS insight WHERE metadata -> 'insight' ? 'source'
                    AND NOT EXISTS (SELECT FROM {Table} AS source WHERE source.id = (insight.metadata -> 'insight' ->> 'source')::uuid)
                """),
            Is.Zero, "every source is there");
    }

    [TestCase(1, "INSERT 0 ")]
    [TestCase(60, "COMMIT")]
    public async Task A_write_whose_answer_got_lost_queues_its_insights_once(int count, string tag)
    {
        await using var proxy = TcpProxy.StartFor(Cluster.ConnectionString);
        await using var store = NewStore(options => options.ConnectionString = proxy.Rewrite(Cluster.ConnectionString), sinks: [new RecordingSink()]);
        await store.CountAsync(new MemoryFilter());
        var memories = Enumerable.Range(0, count).Select(i => new NewMemory(Texts.Numbered(i), MemoryType.Insight)).ToList();

        // The look before the write ends with COMMIT, too.
        if (count > 1)
            await Store.CountAsync(new MemoryFilter());
        proxy.CutWhenServerSends(tag, times: 2);
        var stored = count == 1 ? [await store.StoreAsync(memories[0])] : await store.StoreManyAsync(memories);

        Assert.That(proxy.FaultsFired, Is.EqualTo(2));
        Assert.That(stored.Select(one => one.Outcome), Is.All.EqualTo(StoreOutcome.Created));
        Assert.That(await ScalarAsync<long>($"SELECT count(*) FROM {Queued}"), Is.EqualTo(count));
        Assert.That(await ScalarAsync<long>(Mismatches), Is.Zero);
    }

    [Test]
    public async Task A_write_that_fails_and_is_repeated_queues_its_insights_once()
    {
        await FailWritesAsync("40001", times: 2);
        await using var store = NewStore(sinks: [new RecordingSink()]);

        await store.StoreManyAsync(Enumerable.Range(0, 40).Select(i => new NewMemory(Texts.With(Texts.Numbered(i)), MemoryType.Rag)));

        Assert.That(await AttemptsAsync(), Is.GreaterThan(2));
        Assert.That(await ScalarAsync<long>($"SELECT count(*) FROM {Queued}"), Is.EqualTo(40));
        Assert.That(await ScalarAsync<long>(Mismatches), Is.Zero);
    }

    [Test]
    public async Task With_a_sink_that_comes_and_goes_and_a_process_killed_twice_and_three_dispatchers_each_insight_arrives_once_by_its_key()
    {
        await ExecuteAsync(DatabaseSink.Schema(Prefix));
        await using var database = NpgsqlDataSource.Create(Cluster.ConnectionString);
        var hosts = Enumerable.Range(0, 2).Select(_ => NewStore(InsightHost.Configure, sinks: [new DatabaseSink(database, Prefix)])).ToList();
        using var stop = new CancellationTokenSource();
        var dispatching = hosts.Select(host => host.RunDispatcherAsync(stop.Token, stop.Token)).ToList();
        using var calm = new CancellationTokenSource();
        var flipping = FlipAsync(calm.Token);

        for (var kill = 1; kill <= 2; kill++)
        {
            using var child = InsightHost.Start(Cluster.ConnectionString, Prefix, dispatch: true);
            var share = kill * InsightHost.Count / 3;
            await Eventually.TrueAsync(
                async () => child.HasExited || await ScalarAsync<long>($"SELECT count(*) FROM {Table} WHERE memory_type = 'insight'") >= share, "the child has stored its share");
            child.Kill();
            await child.WaitForExitAsync();
            Assert.That(await ScalarAsync<long>($"SELECT count(*) FROM {Table} WHERE memory_type = 'insight'"), Is.LessThan(InsightHost.Count), "it was killed in the middle");
        }

        int flips;
        using var last = InsightHost.Start(Cluster.ConnectionString, Prefix, dispatch: true);
        try
        {
            await Eventually.TrueAsync(
                async () => await ScalarAsync<long>($"SELECT count(*) FROM {Table} WHERE memory_type = 'insight'") == InsightHost.Count, "all are stored");
            await calm.CancelAsync();
            flips = await flipping;
            await Eventually.TrueAsync(async () => await ScalarAsync<long>($"SELECT count(*) FROM {Queued}") == 0, "everything is delivered");
        }
        finally
        {
            last.Kill();
            await stop.CancelAsync();
        }

        await Task.WhenAll(dispatching);
        Assert.That(flips, Is.GreaterThan(2), "the sink was really away");
        Assert.That(await ScalarAsync<long>($"SELECT count(*) FROM {Prefix}arrivals WHERE attempt > 1"), Is.GreaterThan(0));
        Assert.That(
            await ScalarAsync<long>($"SELECT count(*) - count(DISTINCT id) FROM {Prefix}arrivals WHERE attempt = 1"),
            Is.Zero, "whatever arrives again says so: the sink of this test would not notice by itself");
        Assert.That(
            await ScalarAsync<long>(
                $"""
                SELECT count(*) FROM (SELECT id, content FROM {Table} WHERE memory_type = 'insight') AS stored
                FULL JOIN {Prefix}received AS received USING (id, content) WHERE stored.id IS NULL OR received.id IS NULL
                """),
            Is.Zero, "the set that is stored is the set that was received");
        foreach (var host in hosts)
            await host.DisposeAsync();
    }

    /// <summary>Takes the sink away and brings it back; it is up in the end.</summary>
    private async Task<int> FlipAsync(CancellationToken calm)
    {
        var flips = 0;
        while (!calm.IsCancellationRequested)
        {
            await Task.Delay(flips % 2 == 0 ? 300 : 500, CancellationToken.None);
            await ExecuteAsync($"UPDATE {Prefix}sink SET up = {(flips++ % 2 == 0 ? "false" : "true")}");
        }

        await ExecuteAsync($"UPDATE {Prefix}sink SET up = true");
        return flips;
    }
}
