using UnifiedMemory.Postgres;

namespace UnifiedMemory.Tests.Indexing;

/// <summary>Builds that are cut short, blocked, or begun by many.</summary>
public sealed class IndexFaultTests : IndexingFixture
{
    private const string WaitingBuild = "query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'";

    [Test]
    public async Task An_invalid_index_is_found_and_repaired()
    {
        await FillAsync(400);
        await Maintained.MaintainIndexesAsync();
        await InvalidateAsync(OnAll);
        Assert.That(await UsableAsync(), Is.Empty);

        var index = Find(await Maintained.MaintainIndexesAsync(), OnAll);

        Assert.That(index.Action, Is.EqualTo(IndexAction.Repaired));
        Assert.That(await DefinitionAsync(OnAll), Is.Not.Empty);
        Assert.That(await VectorIndexesAsync(), Is.EqualTo(OnAll));
        Assert.That(await UsableAsync(), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Leftovers_of_a_killed_build_and_of_a_killed_exchange_are_cleared_away()
    {
        await FillAsync(400);
        await Maintained.MaintainIndexesAsync();
        foreach (var left in (string[])[OnAll + "_new", OnAll + "_old", OnAll + "_rag_new"])
            await TestServer.ExecuteAsync($"CREATE INDEX {left} ON {Table} USING hnsw (embedding vector_cosine_ops)");
        await InvalidateAsync(OnAll + "_new");

        await Maintained.MaintainIndexesAsync();

        Assert.That(await VectorIndexesAsync(), Is.EqualTo("memories_embedding memories_embedding_rag_new"), "those of this index");
        await FillAsync(2000, "insight");
        var report = await Maintained.MaintainIndexesAsync();
        Assert.That(Find(report, OnAll + "_rag").Action, Is.EqualTo(IndexAction.Built));
        Assert.That(await VectorIndexesAsync(), Is.EqualTo("memories_embedding memories_embedding_rag"));
    }

    [Test]
    public async Task A_build_that_was_finished_by_the_server_after_its_host_was_gone_is_taken_over()
    {
        await FillAsync(400);
        await TestServer.ExecuteAsync($"CREATE INDEX {OnAll}_new ON {Table} USING hnsw (embedding vector_cosine_ops)");
        var file = await TestServer.ScalarAsync<uint>($"SELECT relfilenode FROM pg_class WHERE oid = '{Prefix}memories.{OnAll}_new'::regclass");

        var index = Find(await Maintained.MaintainIndexesAsync(), OnAll);

        Assert.That((index.Action, index.BuildTime), Is.EqualTo((IndexAction.Built, (TimeSpan?)null)));
        Assert.That(await TestServer.ScalarAsync<uint>($"SELECT relfilenode FROM pg_class WHERE oid = '{Prefix}memories.{OnAll}'::regclass"), Is.EqualTo(file));
        Assert.That(await UsableAsync(), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task An_index_that_somebody_else_built_is_adopted_when_searches_can_use_it()
    {
        await FillAsync(400);
        await TestServer.ExecuteAsync($"CREATE INDEX {OnAll} ON {Table} USING hnsw (embedding vector_cosine_ops)");

        var index = Find(await Maintained.MaintainIndexesAsync(), OnAll);

        Assert.That(index.Action, Is.EqualTo(IndexAction.Adopted));
        Assert.That(index.Recall, Is.GreaterThanOrEqualTo(0.97));
        Assert.That(await UsableAsync(), Has.Count.EqualTo(1));
        Assert.That(Find(await Maintained.MaintainIndexesAsync(), OnAll).Action, Is.EqualTo(IndexAction.Kept));
    }

    [TestCase("hnsw (embedding vector_l2_ops)")]
    [TestCase("hnsw (embedding vector_cosine_ops) WHERE memory_type = 'rag'")]
    [TestCase("btree (kind)")]
    public async Task An_index_under_our_name_that_no_search_can_use_is_replaced(string definition)
    {
        await FillAsync(400);
        await TestServer.ExecuteAsync($"CREATE INDEX {OnAll} ON {Table} USING {definition}");

        var index = Find(await Maintained.MaintainIndexesAsync(), OnAll);

        Assert.That(index.Action, Is.EqualTo(IndexAction.Rebuilt));
        Assert.That(index.Reason, Does.Contain("was none that a search can use"));
        Assert.That(await DefinitionAsync(OnAll), Does.Contain("vector_cosine_ops").And.Not.Contain("WHERE"));
        Assert.That(await VectorIndexesAsync(), Is.EqualTo(OnAll));
    }

    [Test]
    public async Task An_index_that_is_registered_and_gone_is_built_again()
    {
        await FillAsync(400);
        await Maintained.MaintainIndexesAsync();
        await TestServer.ExecuteAsync($"DROP INDEX {Prefix}memories.{OnAll}");

        Assert.That(Find(await Maintained.MaintainIndexesAsync(), OnAll).Action, Is.EqualTo(IndexAction.Built));
        Assert.That(await UsableAsync(), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task A_register_that_says_something_else_than_the_catalogue_is_corrected()
    {
        await FillAsync(400);
        await Maintained.MaintainIndexesAsync();
        await TestServer.ExecuteAsync($"UPDATE {Prefix}memories.vector_indexes SET method = 'ivfflat', lists = 7");

        Assert.That(Find(await Maintained.MaintainIndexesAsync(), OnAll).Action, Is.EqualTo(IndexAction.Adopted));
        Assert.That((await UsableAsync()).Select(one => (one.Method, one.Lists)), Is.EqualTo(new[] { (VectorIndexMethod.Hnsw, 0) }));
    }

    [Test]
    public async Task Ten_stores_that_maintain_at_once_build_once()
    {
        await FillAsync(1000);
        var stores = Enumerable.Range(0, 10).Select(_ => NewMaintained(options => options.MaxPoolSize = 2)).ToList();

        var reports = await Task.WhenAll(stores.Select(store => store.MaintainIndexesAsync()));

        Assert.That(reports.Select(report => Find(report, OnAll).Action).Order(), Is.EqualTo(
            Enumerable.Repeat(IndexAction.Kept, 9).Append(IndexAction.Built).Order()));
        Assert.That(await VectorIndexesAsync(), Is.EqualTo(OnAll));
        await Task.WhenAll(stores.Select(store => store.DisposeAsync().AsTask()));
    }

    [Test]
    public async Task A_build_that_is_cancelled_leaves_nothing_behind()
    {
        await FillAsync(400);
        await using var writer = await OpenAsync("writer");
        await using var transaction = await writer.BeginTransactionAsync();
        using var cancelling = new CancellationTokenSource();
        var maintaining = Maintained.MaintainIndexesAsync(cancellationToken: cancelling.Token);

        // The build waits for this transaction, which has begun to write after maintenance has looked for old ones.
        await ExecuteAsync(writer, $"DELETE FROM {Table} WHERE false");
        await WaitsAsync(maintaining);
        await cancelling.CancelAsync();
        await transaction.RollbackAsync();

        Assert.That(async () => await maintaining.WaitAsync(TimeSpan.FromSeconds(30)), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(await VectorIndexesAsync(), Is.Empty);
        Assert.That(Find(await Maintained.MaintainIndexesAsync(), OnAll).Action, Is.EqualTo(IndexAction.Built), "the lock is free again");
    }

    [Test]
    public async Task A_store_that_is_disposed_of_ends_its_build()
    {
        await FillAsync(400);
        await using var writer = await OpenAsync("writer");
        await using var transaction = await writer.BeginTransactionAsync();
        await ExecuteAsync(writer, $"DELETE FROM {Table} WHERE false");
        await using var store = NewMaintained();
        var maintaining = store.MaintainIndexesAsync();
        await WaitsAsync(maintaining);

        await store.DisposeAsync();
        await transaction.RollbackAsync();

        Assert.That(async () => await maintaining.WaitAsync(TimeSpan.FromSeconds(30)), Throws.InstanceOf<ObjectDisposedException>());
        Assert.That(await VectorIndexesAsync(), Is.Empty);
    }

    [Test]
    public async Task A_build_whose_session_is_terminated_is_begun_again()
    {
        await FillAsync(400);
        await using var writer = await OpenAsync("writer");
        await using var transaction = await writer.BeginTransactionAsync();
        await ExecuteAsync(writer, $"DELETE FROM {Table} WHERE false");
        var maintaining = Maintained.MaintainIndexesAsync();
        await WaitsAsync(maintaining);
        Assert.That(await VectorIndexesAsync(), Is.EqualTo(OnAll + "_new"), "invalid, and not yet filled");

        await TestServer.ExecuteAsync($"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {WaitingBuild} AND query LIKE '%{Prefix}%'");
        await transaction.RollbackAsync();

        Assert.That(Find(await maintaining.WaitAsync(TimeSpan.FromSeconds(30)), OnAll).Action, Is.EqualTo(IndexAction.Repaired));
        Assert.That(await VectorIndexesAsync(), Is.EqualTo(OnAll));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task A_transaction_in_the_way_is_named_and_the_build_is_left_for_the_next_run(bool old)
    {
        await FillAsync(400);
        await using var store = NewMaintained(options => options.Indexes.LockTimeout = TimeSpan.FromSeconds(1));
        await using var idler = await OpenAsync("the-idler");
        await using var transaction = await idler.BeginTransactionAsync();
        await ExecuteAsync(idler, $"DELETE FROM {Table} WHERE false");
        if (old)
        {
            await Eventually.TrueAsync(
                () => TestServer.ScalarAsync<bool>($"SELECT now() - xact_start > interval '1100 ms' FROM pg_stat_activity WHERE pid = {idler.ProcessID}"),
                "the transaction is older than what a build waits");
        }

        var index = Find(await store.MaintainIndexesAsync(), OnAll);

        Assert.That(index.Action, Is.EqualTo(IndexAction.Skipped));
        Assert.That(index.Reason, Does.StartWith($"waits for process {idler.ProcessID} of 'the-idler', which is idle in transaction").And.Contain("next run"));
        Assert.That(await UsableAsync(), Is.Empty);
        if (old)
            Assert.That(await VectorIndexesAsync(), Is.Empty, "nothing was begun");
        await transaction.RollbackAsync();
        Assert.That(Find(await store.MaintainIndexesAsync(), OnAll).Action, Is.AnyOf(IndexAction.Built, IndexAction.Repaired));
        Assert.That(await VectorIndexesAsync(), Is.EqualTo(OnAll));
    }

    [Test]
    public async Task Who_does_not_wait_leaves_it_to_who_is_at_it()
    {
        await FillAsync(400);
        await using var holder = await OpenAsync();
        Assert.That(await SessionLock.IndexMaintenance(new StoreSchema(Prefix)).TryTakeAsync(holder, CancellationToken.None), Is.True);

        Assert.That(await Maintained.TryMaintainIndexesAsync(CancellationToken.None), Is.Null);
        var waiting = Maintained.MaintainIndexesAsync();
        await holder.CloseAsync();

        Assert.That(Find(await waiting.WaitAsync(TimeSpan.FromSeconds(30)), OnAll).Action, Is.EqualTo(IndexAction.Built));
    }

    [Test]
    public async Task Another_precision_leaves_the_former_index_to_searches_that_know_no_other_until_the_next_run()
    {
        await FillAsync(400);
        await Maintained.MaintainIndexesAsync();
        await using var half = NewMaintained(options => options.Indexes.HalfPrecision = true);

        Assert.That(Find(await half.MaintainIndexesAsync(), OnAll).Action, Is.EqualTo(IndexAction.Rebuilt));
        Assert.That(await VectorIndexesAsync(), Is.EqualTo("memories_embedding memories_embedding_old"));
        Assert.That((await UsableAsync()).Select(one => one.HalfPrecision), Is.EqualTo(new[] { true }));
        Assert.That(Find(await half.MaintainIndexesAsync(), OnAll).Action, Is.EqualTo(IndexAction.Kept));
        Assert.That(await VectorIndexesAsync(), Is.EqualTo(OnAll));
    }

    private Task InvalidateAsync(string name) =>
        TestServer.ExecuteAsync($"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{Prefix}memories.{name}'::regclass");

    private Task WaitsAsync(Task maintaining) => Eventually.TrueAsync(
        async () => maintaining.IsCompleted
            || await TestServer.ScalarAsync<long>($"SELECT count(*) FROM pg_stat_activity WHERE {WaitingBuild} AND query LIKE '%{Prefix}%'") == 1,
        "the build waits for a transaction");
}
