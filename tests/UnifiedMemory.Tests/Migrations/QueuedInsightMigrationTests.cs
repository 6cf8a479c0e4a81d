using UnifiedMemory.Tests.Insights;

namespace UnifiedMemory.Tests.Migrations;

/// <summary>What waits for a sink while the schema changes: until version 7 its row held all that the sink is told.</summary>
public sealed class QueuedInsightMigrationTests : StoreFixture
{
    [Test]
    public async Task What_waits_for_a_sink_still_says_the_same_after_going_down_and_up_again()
    {
        await using var store = NewStore(sinks: [new RecordingSink()]);
        await store.StoreAsync(new NewMemory(Texts.With(Texts.Good), MemoryType.Rag));
        await store.GetInsightBacklogAsync();
        await store.StoreAsync(new NewMemory("by its words", MemoryType.Insight) { Metadata = new() { ["insight"] = "the host's own" } });
        await store.StoreAsync(new NewMemory("by the host", MemoryType.Insight)
        {
            Insight = new InsightDetails { Type = InsightType.Gotcha, Topics = ["b", "a"], Projects = ["memory"], Confidence = 0.9 },
        });
        var before = await QueuedAsync();
        await TestServer.ExecuteAsync(
            $"""
            WITH back AS (DELETE FROM {Outbox} WHERE details ->> 'source' IS NULL RETURNING namespace, memory_id, sink, details, attempts, queued_at)
            INSERT INTO {Prefix}memories.insight_arrivals (namespace, memory_id, sink, details, attempts, queued_at) SELECT * FROM back
            """);
        Assert.That(await TestServer.ScalarAsync<long>($"SELECT count(*) FROM {Prefix}memories.insight_arrivals"), Is.EqualTo(2));

        await Store.MigrateDownAsync(7);

        Assert.That(
            await TestServer.ScalarAsync<string>(
                $"SELECT string_agg(concat_ws(' ', content, insight_type, confidence, topics, projects, source_id IS NOT NULL), ', ' ORDER BY memory_id) FROM {Outbox} WHERE content <> '{Texts.Good}'"),
            Is.EqualTo("by its words general 0.5 {} {} f, by the host gotcha 0.9 {b,a} {memory} f"));
        Assert.That(await TestServer.ScalarAsync<bool>($"SELECT bool_and(source_id IS NOT NULL) FROM {Outbox} WHERE content = '{Texts.Good}'"));
        await Store.MigrateAsync();
        Assert.That(await QueuedAsync(), Is.EqualTo(before));

        async Task<List<string>> QueuedAsync() => (await ToListAsync(store.ListQueuedInsightsAsync(new QueuedInsightFilter()))).ConvertAll(queued =>
            $"{queued.Insight.Id} {queued.Insight.Content} {queued.Insight.Type} {queued.Insight.Confidence} {string.Join(",", queued.Insight.Topics)} {queued.Insight.SourceId} {queued.QueuedAt:O}");
    }

    [Test]
    public async Task What_waits_for_a_sink_and_is_nowhere_else_is_not_thrown_away()
    {
        await Store.MigrateDownAsync(7);
        await TestServer.ExecuteAsync(
            $"""
            INSERT INTO {Outbox} (namespace, memory_id, sink, content, insight_type, confidence, topics, projects, created_at)
            VALUES ('default', gen_random_uuid(), 'sink', 'its memory was purged', 'general', 1, ARRAY[]::text[], ARRAY[]::text[], now())
            """);

        Assert.That(
            () => Store.MigrateAsync(),
            Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contains("1 insights wait for a sink whose memories have been purged").And.Message.Contains("Deliver them"));

        Assert.That(await TestServer.ScalarAsync<long>($"SELECT count(*) FROM {Outbox} WHERE content = 'its memory was purged'"), Is.EqualTo(1));
        await TestServer.ExecuteAsync($"DELETE FROM {Outbox}");
        Assert.That((await Store.MigrateAsync()).Applied, Is.EqualTo(MigrationTests.AllVersions));
    }
}
