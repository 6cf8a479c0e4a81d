using System.Data;
using Npgsql;
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
        await TestServer.ExecuteAsync($"UPDATE {Prefix}memories.vector_indexes SET built_at = now() - interval '61 s'");

        await Maintained.MaintainIndexesAsync();

        Assert.That(await VectorIndexesAsync(), Is.EqualTo("memories_embedding memories_embedding_rag_new"), "those of this index");
        await FillAsync(2000, "insight");
        var report = await Maintained.MaintainIndexesAsync();
        Assert.That(Find(report, OnAll + "_rag").Action, Is.EqualTo(IndexAction.Built));
        Assert.That(await VectorIndexesAsync(), Is.EqualTo("memories_embedding memories_embedding_rag"));
    }

    [Test]
    public async Task What_an_interrupted_reindex_left_of_a_vector_index_is_dropped_and_of_others_reported()
    {
        await FillAsync(400);
        await Maintained.MaintainIndexesAsync();
        foreach (var left in (string[])[OnAll + "_ccnew", OnAll + "_ccold1", OnAll + "_new_ccnew", "memories_tags_ccnew"])
        {
            await TestServer.ExecuteAsync($"CREATE INDEX {left} ON {Table} (kind)");
            await InvalidateAsync(left);
        }

        await InvalidateAsync("memories_id");

        var report = await Maintained.MaintainIndexesAsync();

        Assert.That(Find(report, OnAll).Action, Is.EqualTo(IndexAction.Kept));
        Assert.That(await VectorIndexesAsync(), Is.EqualTo(OnAll));
        var (left1, broken) = (Find(report, "memories_tags_ccnew"), Find(report, "memories_id"));
        Assert.That((left1.Action, broken.Action), Is.EqualTo((IndexAction.Skipped, IndexAction.Skipped)));
        Assert.That(left1.Reason, Does.Contain("is invalid").And.EndWith($"DROP INDEX CONCURRENTLY \"{Prefix}memories\".\"memories_tags_ccnew\""));
        Assert.That(broken.Reason, Does.Contain("is invalid").And.EndWith($"REINDEX INDEX CONCURRENTLY \"{Prefix}memories\".\"memories_id\""));
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
        await ExecuteAsync(writer, $"DELETE FROM {Table} WHERE false");
        using var cancelling = new CancellationTokenSource();
        var maintaining = Maintained.MaintainIndexesAsync(cancellationToken: cancelling.Token);
        await WaitsAsync(maintaining);
        await cancelling.CancelAsync();
        await transaction.RollbackAsync();

        Assert.That(async () => await maintaining.WaitAsync(TimeSpan.FromSeconds(30)), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(await VectorIndexesAsync(), Is.Empty);
        Assert.That(Find(await Maintained.MaintainIndexesAsync(), OnAll).Action, Is.EqualTo(IndexAction.Built), "the lock is free again");
    }

    [Test]
    public async Task A_build_that_is_cancelled_in_the_middle_leaves_nothing_behind()
    {
        await FillAsync(10_000);
        await using var store = NewMaintained(options => (options.Hnsw.M, options.Hnsw.EfConstruction) = (48, 1000));
        using var cancelling = new CancellationTokenSource();
        var seen = new CancelOn("building index: loading tuples", cancelling);

        Assert.That(
            async () => await store.MaintainIndexesAsync(seen, cancelling.Token).WaitAsync(TimeSpan.FromSeconds(60)),
            Throws.InstanceOf<OperationCanceledException>());

        Assert.That(seen.Percentage, Is.InRange(0, 99));
        Assert.That(await VectorIndexesAsync(), Is.Empty);
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
    public async Task At_its_end_a_build_waits_as_long_as_it_has_taken()
    {
        await FillAsync(5_000);
        await using var store = NewMaintained(options =>
        {
            options.Indexes.LockTimeout = TimeSpan.FromMilliseconds(500);
            (options.Hnsw.M, options.Hnsw.EfConstruction) = (48, 1000);
        });
        await using var dump = await OpenAsync("dump");
        var loading = new PhaseSeen("building index: loading tuples");
        var maintaining = store.MaintainIndexesAsync(loading);
        await loading.Task.WaitAsync(TimeSpan.FromSeconds(30));
        await using var transaction = await dump.BeginTransactionAsync(IsolationLevel.RepeatableRead);
        await ExecuteAsync(dump, "SELECT 1");

        await Eventually.TrueAsync(
            async () => maintaining.IsCompleted || await TestServer.ScalarAsync<bool>(
                $"""
                SELECT count(*) = 1 FROM pg_locks JOIN pg_stat_activity USING (pid)
                WHERE {WaitingBuild} AND query LIKE '%{Prefix}%' AND NOT granted AND clock_timestamp() - waitstart > interval '1 s'
                """),
            "the build waits for the snapshot");
        Assert.That(maintaining.IsCompleted, Is.False);
        await transaction.RollbackAsync();

        Assert.That(Find(await maintaining, OnAll).Action, Is.EqualTo(IndexAction.Built));
    }

    [TestCase("VACUUM elsewhere")]
    [TestCase("CREATE INDEX CONCURRENTLY ON elsewhere (number slowly)")]
    public async Task What_a_build_does_not_wait_for_is_not_in_its_way(string statement)
    {
        await FillAsync(400);
        await using var store = NewMaintained(options => options.Indexes.LockTimeout = TimeSpan.FromSeconds(1));
        await using var other = await OpenAsync("elsewhere");
        await ExecuteAsync(
            other,
            $"""
            SET search_path = {Prefix}memories, public;
            SET vacuum_cost_delay = '100ms';
            SET vacuum_cost_limit = 1;
            CREATE TABLE elsewhere AS SELECT number FROM generate_series(1, 100000) AS number;
            CREATE FUNCTION slow_order(int, int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
                'BEGIN PERFORM pg_sleep(0.05); RETURN btint4cmp($1, $2); END';
            CREATE OPERATOR CLASS slowly FOR TYPE int USING btree AS
                OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 slow_order(int, int)
            """);
        var working = ExecuteAsync(other, statement);
        await Eventually.TrueAsync(
            () => TestServer.ScalarAsync<bool>(
                $"""
                SELECT COALESCE(backend_xmin IS NOT NULL AND now() - xact_start > interval '1100 ms', false)
                FROM pg_stat_activity WHERE pid = {other.ProcessID}
                """),
            "it is older than what a build waits");

        var index = Find(await store.MaintainIndexesAsync(), OnAll);

        Assert.That(index.Action, Is.EqualTo(IndexAction.Built), index.Reason);
        Assert.That(working.IsCompleted, Is.False);
        await TestServer.ExecuteAsync($"SELECT pg_cancel_backend({other.ProcessID})");
        Assert.That(async () => await working, Throws.InstanceOf<PostgresException>());
    }

    [Test]
    public async Task A_build_has_no_time_limit_and_no_more_memory_than_the_server_can_be_given()
    {
        await FillAsync(400);
        await TestServer.ExecuteAsync(
            $"""
            CREATE VIEW {Prefix}memories.pg_settings AS
                SELECT name, setting, CASE name WHEN 'maintenance_work_mem' THEN '65000' ELSE max_val END AS max_val FROM pg_catalog.pg_settings;
            CREATE TABLE {Prefix}memories.seen (name text, setting text);
            CREATE FUNCTION {Prefix}memories.look() RETURNS event_trigger LANGUAGE plpgsql AS $$
            BEGIN
                INSERT INTO {Prefix}memories.seen SELECT name, setting FROM pg_catalog.pg_settings
                WHERE name = 'maintenance_work_mem' OR name LIKE '%\_timeout' AND setting = '3600000';
            END $$;
            CREATE EVENT TRIGGER {Prefix}look ON ddl_command_start WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION {Prefix}memories.look();
            """);
        var limits = (string[])["statement_timeout", "idle_in_transaction_session_timeout", "transaction_timeout"];
        var known = await TestServer.ScalarAsync<string[]>(
            $"SELECT array_agg(name) FROM pg_settings WHERE name IN ({string.Join(", ", limits.Select(name => $"'{name}'"))})");
        await using var store = NewMaintained(options => options.ConnectionString = new NpgsqlConnectionStringBuilder(options.ConnectionString)
        {
            SearchPath = $"{Prefix}memories,pg_catalog,public",
            Options = string.Join(' ', known.Select(name => $"-c {name}=1h")),
        }.ConnectionString);

        var index = Find(await store.MaintainIndexesAsync(), OnAll);

        Assert.That(index.Action, Is.EqualTo(IndexAction.Built), index.Reason);
        Assert.That(
            await TestServer.ScalarAsync<string>($"SELECT string_agg(name || ' ' || setting, ', ') FROM {Prefix}memories.seen"),
            Is.EqualTo("maintenance_work_mem 65000"));
    }

    [Test]
    public async Task An_index_that_the_server_refuses_is_reported_and_does_not_keep_the_others_from_theirs()
    {
        await FillAsync(1000);
        await FillAsync(150, "insight");
        await TestServer.ExecuteAsync($"CREATE TABLE {Prefix}memories.{OnAll}_new ()");

        var report = await Maintained.MaintainIndexesAsync();

        var refused = Find(report, OnAll);
        Assert.That(refused.Action, Is.EqualTo(IndexAction.Failed));
        Assert.That(refused.Reason, Does.Contain($"(SQLSTATE 42P07: relation \"{OnAll}_new\" already exists)"));
        Assert.That(Find(report, OnAll + "_insight").Action, Is.EqualTo(IndexAction.Built));
        await TestServer.ExecuteAsync($"DROP TABLE {Prefix}memories.{OnAll}_new");
        Assert.That(Find(await Maintained.MaintainIndexesAsync(), OnAll).Action, Is.EqualTo(IndexAction.Built));
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
    public async Task Another_precision_leaves_the_former_index_for_a_minute_to_searches_that_know_no_other()
    {
        await FillAsync(400);
        await Maintained.MaintainIndexesAsync();
        await using var half = NewMaintained(options => options.Indexes.HalfPrecision = true);

        Assert.That(Find(await half.MaintainIndexesAsync(), OnAll).Action, Is.EqualTo(IndexAction.Rebuilt));
        Assert.That(await VectorIndexesAsync(), Is.EqualTo("memories_embedding memories_embedding_old"));
        Assert.That((await UsableAsync()).Select(one => one.HalfPrecision), Is.EqualTo(new[] { true }));
        Assert.That(Find(await half.MaintainIndexesAsync(), OnAll).Action, Is.EqualTo(IndexAction.Kept));
        Assert.That(await VectorIndexesAsync(), Is.EqualTo("memories_embedding memories_embedding_old"), "other hosts may not know yet");
        Assert.That(Find(await Maintained.MaintainIndexesAsync(), OnAll).Action, Is.EqualTo(IndexAction.Rebuilt));
        Assert.That(await VectorIndexesAsync(), Is.EqualTo("memories_embedding memories_embedding_old"), "the one in between");
        await TestServer.ExecuteAsync($"UPDATE {Prefix}memories.vector_indexes SET built_at = now() - interval '61 s'");
        Assert.That(Find(await Maintained.MaintainIndexesAsync(), OnAll).Action, Is.EqualTo(IndexAction.Kept));
        Assert.That(await VectorIndexesAsync(), Is.EqualTo(OnAll));
    }

    private Task InvalidateAsync(string name) =>
        TestServer.ExecuteAsync($"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{Prefix}memories.{name}'::regclass");

    private Task WaitsAsync(Task maintaining) => Eventually.TrueAsync(
        async () => maintaining.IsCompleted
            || await TestServer.ScalarAsync<long>($"SELECT count(*) FROM pg_stat_activity WHERE {WaitingBuild} AND query LIKE '%{Prefix}%'") == 1,
        "the build waits for a transaction");

    private sealed class PhaseSeen(string phase) : IProgress<IndexProgress>
    {
        private readonly TaskCompletionSource _seen = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Task => _seen.Task;

        public void Report(IndexProgress value)
        {
            if (value.Phase == phase)
                _seen.TrySetResult();
        }
    }

    private sealed class CancelOn(string phase, CancellationTokenSource cancelling) : IProgress<IndexProgress>
    {
        public double? Percentage { get; private set; }

        public void Report(IndexProgress value)
        {
            if (value.Phase != phase || Percentage is not null)
                return;
            Percentage = value.Percentage ?? 0;
            cancelling.Cancel();
        }
    }
}
