using Npgsql;
using UnifiedMemory.Indexing;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Tests.Indexing;

/// <summary>The recall that is measured, and what follows from it.</summary>
public sealed class RecallTests : IndexingFixture
{
    private static VectorIndexDefinition Graph => VectorIndexDefinition.Hnsw(null, halfPrecision: false, new HnswOptions());

    [Test]
    public async Task A_poor_graph_gets_more_effort_which_is_stored()
    {
        await using var store = NewMaintained(options => (options.Hnsw.M, options.Hnsw.EfConstruction, options.Hnsw.EfSearch) = (4, 8, 20));
        await FillAsync(3000);

        var index = Find(await store.MaintainIndexesAsync(), OnAll);

        TestContext.Out.WriteLine($"effort {index.Effort}, recall {index.Recall}");
        Assert.That(index.Effort, Is.GreaterThan(20), "the lowest is not enough");
        Assert.That(index.Recall, Is.GreaterThanOrEqualTo(0.97));
        Assert.That((await UsableAsync()).Select(one => one.Effort), Is.EqualTo(new[] { index.Effort }));
        Assert.That(await TestServer.ScalarAsync<float>($"SELECT recall FROM {Prefix}memories.vector_indexes"), Is.EqualTo(index.Recall).Within(1e-6));
    }

    [Test]
    public async Task How_many_candidates_a_filter_needs_is_measured_and_a_poor_graph_needs_more()
    {
        await FillAsync(3000);
        await Maintained.MaintainIndexesAsync();
        var good = (await UsableAsync()).Single().Reserve;
        await TestServer.ExecuteAsync($"DROP INDEX {Prefix}memories.{OnAll}");
        await using var store = NewMaintained(options => (options.Hnsw.M, options.Hnsw.EfConstruction) = (2, 4));
        await store.MaintainIndexesAsync();
        var poor = (await UsableAsync()).Single().Reserve;

        TestContext.Out.WriteLine($"reserve {good}, of the poor graph {poor}");
        Assert.That(good, Is.EqualTo(1.5));
        Assert.That(poor, Is.GreaterThan(good));
    }

    [Test]
    public async Task A_target_out_of_reach_ends_at_the_highest_effort_and_does_not_build_for_ever()
    {
        await using var store = NewMaintained(options =>
        {
            (options.Hnsw.M, options.Hnsw.EfConstruction) = (2, 4);
            options.Indexes.TargetRecall = 1;
        });
        await FillAsync(3000);

        var first = Find(await store.MaintainIndexesAsync(), OnAll);
        await StaleAsync();
        var second = Find(await store.MaintainIndexesAsync(), OnAll);

        Assert.That((first.Effort, first.Recall < 1), Is.EqualTo((1000, true)));
        Assert.That(second.Action, Is.EqualTo(IndexAction.Kept), "another build would be no better");
    }

    [Test]
    public async Task A_graph_that_surely_misses_the_target_gets_twice_the_links_and_keeps_them()
    {
        await FillAsync(1000);
        await Maintained.MaintainIndexesAsync();
        await LoseAsync(1000);

        // As if it had missed the target before: else what was lost since would be the reason to build it again, as it was.
        await TestServer.ExecuteAsync($"UPDATE {Prefix}memories.vector_indexes SET recall = 0.5");
        var index = Find(await Maintained.MaintainIndexesAsync(), OnAll);

        Assert.That(index.Action, Is.EqualTo(IndexAction.Rebuilt));
        Assert.That(index.Reason, Does.Match(@"^hnsw \(m 16, ef_construction 64\) has a recall of 0\.\d+ at most, asked for is 0\.97$"));
        Assert.That(index.Recall, Is.GreaterThanOrEqualTo(0.97));
        Assert.That(await DefinitionAsync(OnAll), Does.Contain("m='32', ef_construction='128'"));
        await StaleAsync();
        Assert.That(Find(await Maintained.MaintainIndexesAsync(), OnAll).Action, Is.EqualTo(IndexAction.Kept));
    }

    [Test]
    public async Task A_graph_with_more_links_that_a_host_built_and_could_not_exchange_is_taken()
    {
        await FillAsync(1000);
        await Maintained.MaintainIndexesAsync();
        await TestServer.ExecuteAsync(
            $"CREATE INDEX {OnAll}_new ON {Table} USING hnsw (embedding vector_cosine_ops) WITH (m = 32, ef_construction = 128)");

        var index = Find(await Maintained.MaintainIndexesAsync(), OnAll);

        Assert.That((index.Action, index.BuildTime), Is.EqualTo((IndexAction.Rebuilt, (TimeSpan?)null)));
        Assert.That(await DefinitionAsync(OnAll), Does.Contain("m='32'"));
    }

    [Test]
    public async Task More_links_that_could_not_be_built_are_tried_again_at_the_next_run()
    {
        await using var store = NewMaintained(options => options.Indexes.LockTimeout = TimeSpan.FromSeconds(1));
        await FillAsync(1000);
        await store.MaintainIndexesAsync();
        await LoseAsync(1000);
        await TestServer.ExecuteAsync($"UPDATE {Prefix}memories.vector_indexes SET recall = 0.5");
        await using var source = NpgsqlDataSource.Create(TestServer.ConnectionString);
        await using (var connection = await source.OpenConnectionAsync())
        await using (var transaction = await connection.BeginTransactionAsync())
        {
            await using var writing = new NpgsqlCommand($"DELETE FROM {Table} WHERE false", connection, transaction);
            await writing.ExecuteNonQueryAsync();
            Assert.That(Find(await store.MaintainIndexesAsync(), OnAll).Action, Is.EqualTo(IndexAction.Skipped));
        }

        Assert.That(Find(await store.MaintainIndexesAsync(), OnAll).Action, Is.EqualTo(IndexAction.Rebuilt));
        Assert.That(await DefinitionAsync(OnAll), Does.Contain("m='32'"));
    }

    [Test]
    public async Task Links_that_the_host_gave_stay_as_they_are()
    {
        await using var store = NewMaintained(options => options.Hnsw.M = 16);
        await FillAsync(1000);
        await store.MaintainIndexesAsync();
        await LoseAsync(1000);
        await TestServer.ExecuteAsync($"UPDATE {Prefix}memories.vector_indexes SET recall = 0.5");

        var index = Find(await store.MaintainIndexesAsync(), OnAll);

        Assert.That((index.Action, index.Recall < 0.97), Is.EqualTo((IndexAction.Kept, true)));
    }

    /// <summary>Stores memories of which the index does not learn: no effort finds them.</summary>
    private async Task LoseAsync(int memories)
    {
        await SetReadyAsync(false);
        await FillAsync(memories);
        await SetReadyAsync(true);

        Task SetReadyAsync(bool ready) => TestServer.ExecuteAsync(
            $"UPDATE pg_index SET indisready = {ready} WHERE indexrelid = '{Prefix}memories.{OnAll}'::regclass");
    }

    [Test]
    public async Task It_is_measured_again_when_a_fifth_has_come_and_not_before()
    {
        await FillAsync(1000);
        await Maintained.MaintainIndexesAsync();
        await FillAsync(190);
        await Maintained.MaintainIndexesAsync();
        Assert.That(await MeasuredRowsAsync(), Is.EqualTo(1000));
        await FillAsync(20);
        await Maintained.MaintainIndexesAsync();
        Assert.That(await MeasuredRowsAsync(), Is.EqualTo(1210));

        Task<long> MeasuredRowsAsync() => TestServer.ScalarAsync<long>($"SELECT measured_rows FROM {Prefix}memories.vector_indexes");
    }

    [Test]
    public async Task It_is_measured_again_after_a_week_and_for_another_target()
    {
        await FillAsync(400);
        await Maintained.MaintainIndexesAsync();
        var first = await ScansAsync();
        await Maintained.MaintainIndexesAsync();
        Assert.That(await ScansAsync(), Is.EqualTo(first));
        await StaleAsync();
        await Maintained.MaintainIndexesAsync();
        var second = await ScansAsync();
        Assert.That(second, Is.GreaterThan(first));
        await using var store = NewMaintained(options => options.Indexes.TargetRecall = 0.9);
        await store.MaintainIndexesAsync();
        Assert.That(await ScansAsync(), Is.GreaterThan(second));

        Task<long> ScansAsync() => TestServer.ScalarAsync<long>($"SELECT own_scans FROM {Prefix}memories.vector_indexes");
    }

    [Test]
    public async Task A_graph_whose_recall_fell_is_built_again()
    {
        await using var store = NewMaintained(options =>
        {
            (options.Hnsw.M, options.Hnsw.EfConstruction) = (2, 4);
            options.Indexes.TargetRecall = 1;
        });
        await FillAsync(3000);
        await store.MaintainIndexesAsync();

        // As if it had reached the target when it was measured last.
        await TestServer.ExecuteAsync($"UPDATE {Prefix}memories.vector_indexes SET recall = 1");
        await StaleAsync();
        var index = Find(await store.MaintainIndexesAsync(), OnAll);

        Assert.That(index.Action, Is.EqualTo(IndexAction.Rebuilt));
        Assert.That(index.Reason, Does.StartWith("its recall fell from 1.000 to 0."));
    }

    [Test]
    public async Task Lists_that_no_longer_fit_are_built_again_for_the_memories_of_now()
    {
        await using var store = NewMaintained(options => (options.Indexes.Method, options.Indexes.TargetRecall) = (VectorIndexMethod.IvfFlat, 1));
        await FillAsync(400);
        await TestServer.ExecuteAsync($"CREATE INDEX {OnAll} ON {Table} USING ivfflat (embedding vector_cosine_ops) WITH (lists = 100)");
        Assert.That(Find(await store.MaintainIndexesAsync(), OnAll).Effort, Is.GreaterThanOrEqualTo(49), "the twenty nearest are in that many of 100 lists");

        // As if few probes had been enough when it was measured first.
        await TestServer.ExecuteAsync($"UPDATE {Prefix}memories.vector_indexes SET first_effort = 10");
        await StaleAsync();
        var index = Find(await store.MaintainIndexesAsync(), OnAll);

        Assert.That(index.Action, Is.EqualTo(IndexAction.Rebuilt));
        Assert.That(index.Reason, Does.Match("it takes an effort of [0-9]+ for the recall that took 10 at first"));
        Assert.That(await DefinitionAsync(OnAll), Does.Contain("lists='1'"));
        await StaleAsync();
        Assert.That(Find(await store.MaintainIndexesAsync(), OnAll).Action, Is.EqualTo(IndexAction.Kept));
    }

    [Test]
    public async Task The_first_effort_stays_until_another_recall_is_asked_for()
    {
        await FillAsync(400);
        await Maintained.MaintainIndexesAsync();
        await using var more = NewMaintained(options => options.Hnsw.EfSearch = 200);
        await more.MaintainIndexesAsync();
        Assert.That(await FirstEffortAsync(), Is.EqualTo(100));
        await using var another = NewMaintained(options => (options.Hnsw.EfSearch, options.Indexes.TargetRecall) = (200, 0.9));
        await another.MaintainIndexesAsync();
        Assert.That(await FirstEffortAsync(), Is.EqualTo(200));

        Task<int> FirstEffortAsync() => TestServer.ScalarAsync<int>($"SELECT first_effort FROM {Prefix}memories.vector_indexes");
    }

    [Test]
    public async Task More_effort_that_is_asked_for_is_used_from_the_next_run_on()
    {
        await FillAsync(400);
        await Maintained.MaintainIndexesAsync();
        await using var store = NewMaintained(options => options.Hnsw.EfSearch = 400);

        var index = Find(await store.MaintainIndexesAsync(), OnAll);

        Assert.That((index.Action, index.Effort), Is.EqualTo((IndexAction.Kept, 400)));
        Assert.That((await UsableAsync()).Select(one => one.Effort), Is.EqualTo(new[] { 400 }));
    }

    [Test]
    public async Task The_memories_are_compared_once_for_all_that_is_measured()
    {
        await FillAsync(3000);
        await Maintained.MaintainIndexesAsync();
        using var sent = new SentStatements("measuring");
        await using var source = new NpgsqlDataSourceBuilder(TestServer.ConnectionString) { Name = "measuring" }.Build();
        await using var connection = await source.OpenConnectionAsync();

        var measured = await new RecallMeasurement(new StoreSchema(Prefix), 8).MeasureAsync(
            connection, Graph, 3000, 200, new MemoryCounts(3000, new Dictionary<MemoryType, long>()), 100, 0.97, CancellationToken.None);

        Assert.That((measured!.Effort, measured.Reserve), Is.EqualTo((100, 1.5)));
        Assert.That(sent.Take().Count(statement => statement.Text.Contains("AS MATERIALIZED", StringComparison.Ordinal)), Is.EqualTo(1));
    }

    /// <summary>From what a poor graph finds, which is far off in some samples.</summary>
    [Test]
    public async Task The_nearest_are_those_of_a_comparison_with_each()
    {
        await FillAsync(2000);
        await TestServer.ExecuteAsync($"CREATE INDEX {OnAll} ON {Table} USING hnsw (embedding vector_cosine_ops) WITH (m = 2, ef_construction = 4)");
        var samples = await TestServer.ScalarAsync<Guid[]>($"SELECT array_agg(id) FROM (SELECT id FROM {Table} LIMIT 20) AS first");
        var measurement = new RecallMeasurement(new StoreSchema(Prefix), 8);
        await using var connection = await OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await ExecuteAsync(connection, "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off");

        var found = await measurement.SearchAsync(connection, Graph, samples, 300, 200, CancellationToken.None);
        var nearest = await measurement.NearestAsync(connection, Graph, samples, found, 200, CancellationToken.None);

        var expected = new List<double[]>();
        foreach (var sample in samples)
        {
            expected.Add(await TestServer.ScalarAsync<double[]>(
                $"""
                SELECT array_agg(distance ORDER BY distance) FROM (
                    SELECT stored.embedding <=> asked.embedding AS distance FROM {Table} AS stored, {Table} AS asked
                    WHERE asked.id = '{sample}' AND stored.id <> '{sample}' ORDER BY (stored.embedding <=> asked.embedding) + 0 LIMIT 200) AS nearest
                """));
        }

        Assert.That(nearest, Is.EqualTo(expected));
        Assert.That(RecallMeasurement.Recall(found, [.. expected.Select(distances => distances[^1])], 200).Mean, Is.InRange(0.2, 0.95), "it is poor");
    }

    [Test]
    public async Task Memories_of_one_and_the_same_vector_are_no_loss_of_recall()
    {
        await TestServer.ExecuteAsync(
            $"""
            INSERT INTO {Table} (namespace, id, memory_type, content, content_hash, identity_hash, embedding)
            SELECT 'default', id, 'rag', 'memory ' || id, sha256(id::text::bytea), sha256(id::text::bytea), '[1,0,0,0,0,0,0,0]'
            FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, 600) OFFSET 0) AS memories
            """);

        Assert.That(Find(await Maintained.MaintainIndexesAsync(), OnAll).Recall, Is.EqualTo(1));
    }

    [Test]
    public async Task A_few_memories_are_measured_too()
    {
        await using var store = NewMaintained(options => options.Indexes.Threshold = 1);
        await FillAsync(1);
        await store.MaintainIndexesAsync();
        await FillAsync(9);

        Assert.That(Find(await store.MaintainIndexesAsync(), OnAll).Recall, Is.EqualTo(1));
    }
}
