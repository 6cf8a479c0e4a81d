using UnifiedMemory.Tests.Migrations;
using UnifiedMemory.TestSupport;

namespace UnifiedMemory.Tests.Faults;

/// <summary>Sessions that end, servers that die, answers that get lost.</summary>
public sealed class LostConnectionTests : FaultFixture
{
    [Test]
    public async Task Sessions_terminated_in_a_loop_lose_and_double_nothing()
    {
        var ledger = new Ledger(Store);
        using var stop = new CancellationTokenSource();
        var writing = ledger.WriteAsync(callers: 16, stop.Token);
        var terminated = 0L;
        for (var round = 0; round < 40; round++)
        {
            terminated += await ScalarAsync<long>("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'UnifiedMemory'");
            await Task.Delay(50);
        }

        await stop.CancelAsync();
        await writing;

        Assert.That(terminated, Is.GreaterThan(40), "sessions were really terminated");
        Assert.That(ledger.Failures, Is.Empty);
        await ledger.AssertAsync();
    }

    [Test]
    public async Task A_killed_backend_is_survived()
    {
        var ledger = new Ledger(Store);
        using var stop = new CancellationTokenSource();
        var writing = ledger.WriteAsync(callers: 8, stop.Token);
        await Eventually.TrueAsync(() => ledger.Acknowledged > 50, "writing is under way");
        var before = await ScalarAsync<DateTime>("SELECT pg_postmaster_start_time()");

        Cluster.KillBackend(await ScalarAsync<int>("SELECT pid FROM pg_stat_activity WHERE application_name = 'UnifiedMemory' LIMIT 1"));
        var acknowledged = ledger.Acknowledged;
        await Eventually.TrueAsync(() => ledger.Acknowledged > acknowledged + 100, "writing goes on");
        await stop.CancelAsync();
        await writing;

        Assert.That(await File.ReadAllTextAsync(Cluster.LogFile), Does.Contain("terminated by signal 9"), "the backend was really killed");
        Assert.That(await ScalarAsync<DateTime>("SELECT pg_postmaster_start_time()"), Is.EqualTo(before));
        Assert.That(ledger.Failures, Is.Empty);
        await ledger.AssertAsync();
    }

    [Test]
    public async Task An_immediate_restart_is_waited_out_by_readers_and_writers()
    {
        var ledger = new Ledger(Store);
        using var stop = new CancellationTokenSource();
        var writing = ledger.WriteAsync(callers: 8, stop.Token);
        var reading = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
                await Store.SearchAsync(new MemoryQuery("ledger 1"));
        });
        await Eventually.TrueAsync(() => ledger.Acknowledged > 50, "writing is under way");

        await Cluster.RestartAsync(PostgresShutdown.Immediate);
        var acknowledged = ledger.Acknowledged;
        await Eventually.TrueAsync(() => ledger.Acknowledged > acknowledged + 100, "writing goes on");
        await stop.CancelAsync();
        await writing;
        await reading;

        Assert.That(ledger.Failures, Is.Empty);
        await ledger.AssertAsync();
    }

    [Test]
    public async Task A_write_whose_answer_got_lost_happened_once_and_says_so()
    {
        await using var proxy = TcpProxy.StartFor(Cluster.ConnectionString);
        await using var store = NewStore(options => options.ConnectionString = proxy.Rewrite(Cluster.ConnectionString));
        await store.CountAsync(new MemoryFilter());

        // The tag reaches the wire with ReadyForQuery, when the transaction is committed.
        proxy.CutWhenServerSends("INSERT 0 1");
        var stored = await store.StoreAsync(new NewMemory("once", MemoryType.Agent));

        Assert.That(proxy.FaultsFired, Is.EqualTo(1));
        Assert.That(stored.Outcome, Is.EqualTo(StoreOutcome.Created), "this call made it");
        Assert.That((await Store.GetAsync(stored.Id))!.Content, Is.EqualTo("once"));
        Assert.That(await Store.CountAsync(new MemoryFilter()), Is.EqualTo(1));
    }

    [Test]
    public async Task A_batch_whose_answer_got_lost_happened_once()
    {
        await using var proxy = TcpProxy.StartFor(Cluster.ConnectionString);
        await using var store = NewStore(options => options.ConnectionString = proxy.Rewrite(Cluster.ConnectionString));
        await store.CountAsync(new MemoryFilter());

        proxy.CutWhenServerSends("COPY ", times: 2);
        var stored = await store.StoreManyAsync(Enumerable.Range(0, 2000).Select(i => new NewMemory($"memory {i}", MemoryType.Agent)));

        Assert.That(proxy.FaultsFired, Is.EqualTo(2));
        Assert.That(stored.Select(result => result.Outcome), Is.All.EqualTo(StoreOutcome.Created));
        Assert.That(await Store.CountAsync(new MemoryFilter()), Is.EqualTo(2000));
    }

    [Test]
    public async Task A_connection_cut_anywhere_in_an_answer_is_replaced()
    {
        await Store.StoreManyAsync(Enumerable.Range(0, 100).Select(i => new NewMemory($"memory {i}", MemoryType.Rag)));
        await using var proxy = TcpProxy.StartFor(Cluster.ConnectionString);
        await using var store = NewStore(options => options.ConnectionString = proxy.Rewrite(Cluster.ConnectionString));
        await store.SearchAsync(new MemoryQuery("memory 1"));

        foreach (var bytes in new[] { 1, 17, 300, 3000 })
        {
            proxy.CutAfter(bytes);
            var searching = store.SearchAsync(new MemoryQuery("memory 1") { Limit = 100 });
            var fired = proxy.FaultsFired;
            await Eventually.TrueAsync(() => proxy.FaultsFired > fired || searching.IsCompleted, "the connection is cut");
            proxy.Heal();
            Assert.That(await searching, Has.Count.EqualTo(100), $"cut after {bytes} bytes");
        }

        Assert.That(proxy.FaultsFired, Is.GreaterThanOrEqualTo(4));
    }

    [Test]
    public async Task A_server_that_stays_away_is_a_transient_error_within_the_budget()
    {
        await using var store = NewStore(options => options.RetryBudget = TimeSpan.FromSeconds(1));
        await store.CountAsync(new MemoryFilter());
        await Cluster.StopAsync(PostgresShutdown.Fast);
        try
        {
            var failure = Assert.ThrowsAsync<UnifiedMemoryException>(async () => await store.CountAsync(new MemoryFilter()).WaitAsync(TimeSpan.FromSeconds(30)))!;
            Assert.That((failure.IsTransient, failure.Operation), Is.EqualTo((true, "count")));
            Assert.That(failure.Message, Does.Contain("cannot be reached"));
        }
        finally
        {
            await Cluster.StartAgainAsync();
        }

        Assert.That(await store.CountAsync(new MemoryFilter()), Is.Zero, "the pool heals");
    }

    [TestCase(0, "CREATE TABLE")]
    [TestCase(1, "CREATE INDEX memories_text")]
    public async Task A_migration_whose_session_dies_in_a_step_leaves_no_half_step_and_is_finished(int from, string statement)
    {
        await Store.MigrateDownAsync(from);
        if (from == 1)
            await FillAsync(30_000);
        await using var proxy = TcpProxy.StartFor(Cluster.ConnectionString);
        await using var store = NewStore(options => options.ConnectionString = proxy.Rewrite(Cluster.ConnectionString));

        // The server loses its client in the middle of the step, and rolls it back.
        proxy.CutWhenClientSends(statement);
        var status = await store.MigrateAsync();

        Assert.That(proxy.FaultsFired, Is.EqualTo(1));
        Assert.That(status.Pending, Is.Empty);
        Assert.That(await ScalarAsync<long>($"SELECT count(*) FROM {Prefix}memories.schema_versions"), Is.EqualTo(MigrationTests.AllVersions.Length));
        Assert.That(await ScalarAsync<long>("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), Is.Zero);
        Assert.That(await store.SearchAsync(new MemoryQuery("memory 7")), Has.Count.EqualTo(from == 1 ? 10 : 0));
    }

    [Test]
    public async Task A_migration_whose_session_is_terminated_is_tried_again()
    {
        await Store.MigrateDownAsync(1);
        await FillAsync(30_000);
        var migrating = Store.MigrateAsync();
        await Eventually.TrueAsync(
            async () => await ScalarAsync<long>(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'ALTER TABLE%ADD COLUMN content_tsv%' AND state = 'active'") > 0,
            "the session that migrates is terminated");

        Assert.That((await migrating).Pending, Is.Empty);
        Assert.That(await ScalarAsync<long>("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), Is.Zero);
    }

    [Test]
    public async Task A_delete_whose_answer_got_lost_still_tells_what_it_deleted()
    {
        var stored = await Store.StoreManyAsync(Enumerable.Range(0, 31).Select(i => new NewMemory($"memory {i}", MemoryType.Rag)));
        await using var proxy = TcpProxy.StartFor(Cluster.ConnectionString);
        await using var store = NewStore(options => options.ConnectionString = proxy.Rewrite(Cluster.ConnectionString));
        await store.CountAsync(new MemoryFilter());

        proxy.CutWhenServerSends("COMMIT");
        var one = await store.DeleteAsync(stored[0].Id);
        proxy.CutWhenServerSends("COMMIT");
        var many = await store.DeleteManyAsync(new MemoryFilter());

        Assert.That(proxy.FaultsFired, Is.EqualTo(2));
        Assert.That((one, many), Is.EqualTo((true, 30L)));
        Assert.That(await store.DeleteAsync(stored[0].Id), Is.False);
    }

    [Test]
    public async Task A_purge_whose_answer_got_lost_goes_on_and_counts_all()
    {
        await Store.StoreManyAsync(Enumerable.Range(0, 2500).Select(i =>
            new NewMemory($"memory {i}", MemoryType.Rag) { ExpiresAt = DateTimeOffset.UtcNow.AddMinutes(-1) }));
        await using var proxy = TcpProxy.StartFor(Cluster.ConnectionString);
        await using var store = NewStore(options => options.ConnectionString = proxy.Rewrite(Cluster.ConnectionString));
        await store.CountAsync(new MemoryFilter());

        proxy.CutWhenServerSends("COMMIT");
        var purged = await store.PurgeExpiredAsync();

        Assert.That(proxy.FaultsFired, Is.EqualTo(1));
        Assert.That(purged, Is.EqualTo(2500));
        Assert.That(await ScalarAsync<long>($"SELECT count(*) FROM {Table}"), Is.Zero);
    }

    [TestCase("angle 0")]
    [TestCase("angle 90")]
    public async Task An_update_that_expires_its_memory_and_whose_answer_got_lost_still_finds_it(string content)
    {
        var stored = await Store.StoreAsync(new NewMemory("angle 0", MemoryType.Rag));
        await using var proxy = TcpProxy.StartFor(Cluster.ConnectionString);
        await using var store = NewStore(options => options.ConnectionString = proxy.Rewrite(Cluster.ConnectionString));
        await store.CountAsync(new MemoryFilter());
        var update = new MemoryUpdate { Content = content, Kind = "over", ExpiresAt = DateTimeOffset.UtcNow.AddMinutes(-1) };

        proxy.CutWhenServerSends("UPDATE 1");
        var updated = await store.UpdateAsync(stored.Id, update);

        Assert.That(proxy.FaultsFired, Is.EqualTo(1));
        Assert.That((updated?.Content, updated?.Kind), Is.EqualTo((content, "over")));
        Assert.That(await store.UpdateAsync(stored.Id, update), Is.Null, "a call of its own finds no expired memory");
    }

    [Test]
    public async Task A_network_that_swallows_connections_is_waited_out()
    {
        await using var proxy = TcpProxy.StartFor(Cluster.ConnectionString);
        await using var store = NewStore(options => options.ConnectionString = proxy.Rewrite(Cluster.ConnectionString) + ";Timeout=1");
        proxy.BlackHole();
        var counting = store.CountAsync(new MemoryFilter());
        await Eventually.TrueAsync(() => proxy.ConnectionsAccepted >= 2, "a second connection is tried");
        proxy.Heal();

        Assert.That(await counting, Is.Zero);
        Assert.That(proxy.FaultsFired, Is.GreaterThan(0));
    }

    [Test]
    public async Task A_server_that_takes_connections_and_answers_nothing_holds_up_neither_cancellation_nor_disposal()
    {
        await using var proxy = TcpProxy.StartFor(Cluster.ConnectionString);
        var store = NewStore(options => options.ConnectionString = proxy.Rewrite(Cluster.ConnectionString) + ";Timeout=600");
        proxy.BlackHole();
        using var giveUp = new CancellationTokenSource();
        var cancelled = store.CountAsync(new MemoryFilter(), giveUp.Token);
        var disposed = store.CountAsync(new MemoryFilter());
        await Eventually.TrueAsync(() => proxy.ConnectionsAccepted > 0, "a connection is being opened");

        await giveUp.CancelAsync();
        Assert.That(async () => await cancelled.WaitAsync(TimeSpan.FromSeconds(20)), Throws.InstanceOf<OperationCanceledException>());
        await store.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20));
        Assert.That(async () => await disposed.WaitAsync(TimeSpan.FromSeconds(20)), Throws.InstanceOf<ObjectDisposedException>());
    }

    [Test]
    public async Task A_store_that_is_disposed_of_under_load_ends_every_call()
    {
        var store = NewStore(options => options.MaxPoolSize = 2);
        await store.CountAsync(new MemoryFilter());
        await using var blocker = await OpenAsync();
        await using var transaction = await blocker.BeginTransactionAsync();
        await using (var command = new Npgsql.NpgsqlCommand($"LOCK TABLE {Table}", blocker, transaction))
            await command.ExecuteNonQueryAsync();
        var calls = Enumerable.Range(0, 20).Select(_ => store.CountAsync(new MemoryFilter())).ToList();
        await Eventually.TrueAsync(
            async () => await ScalarAsync<long>("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'UnifiedMemory'") == 2,
            "two calls are under way and the others wait");

        await store.DisposeAsync();

        foreach (var call in calls)
            Assert.That(async () => await call.WaitAsync(TimeSpan.FromSeconds(20)), Throws.InstanceOf<ObjectDisposedException>());
        Assert.That(async () => await store.CountAsync(new MemoryFilter()), Throws.InstanceOf<ObjectDisposedException>());
    }

    private Task FillAsync(int rows) => ExecuteAsync(
        $"""
        INSERT INTO {Table} (namespace, id, memory_type, content, content_hash, identity_hash, embedding)
        SELECT 'default', gen_random_uuid(), 'rag', 'memory ' || i, sha256(('memory ' || i)::bytea), sha256(('memory ' || i)::bytea),
               (SELECT array_agg(random()) FROM generate_series(1, 8) WHERE i = i)::real[]::vector
        FROM generate_series(1, {rows}) AS i
        """);
}
