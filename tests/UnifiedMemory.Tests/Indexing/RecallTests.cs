namespace UnifiedMemory.Tests.Indexing;

/// <summary>The recall that is measured, and what follows from it.</summary>
public sealed class RecallTests : IndexingFixture
{
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

    private Task StaleAsync() => TestServer.ExecuteAsync($"UPDATE {Prefix}memories.vector_indexes SET measured_at = now() - interval '8 days'");
}
