using Microsoft.Extensions.Logging.Abstractions;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Tests.Insights;

/// <summary>What is queued, with what, and when it goes without having been delivered.</summary>
public sealed class OutboxTests : StoreFixture
{
    private UnifiedMemoryStore _store = null!;

    [SetUp]
    public void CreateStore() => _store = NewStore(sinks: [new RecordingSink("one"), new RecordingSink("two")]);

    [TearDown]
    public async Task DisposeStore() => await _store.DisposeAsync();

    [Test]
    public async Task An_insight_is_queued_once_for_each_sink_with_all_that_is_known_of_it()
    {
        var created = new DateTimeOffset(2026, 2, 3, 4, 5, 6, TimeSpan.Zero);
        var stored = await _store.StoreAsync(new NewMemory("short", MemoryType.Insight)
        {
            Namespace = "team",
            CreatedAt = created,
            Metadata = new() { ["kept"] = 1 },
            Insight = new InsightDetails { Type = InsightType.Gotcha, Topics = ["b", "a"], Projects = ["memory"], Confidence = 0.9 },
        });

        var queued = await QueuedAsync();

        Assert.That(queued.Select(one => one.Sink), Is.EqualTo(new[] { "one", "two" }));
        var insight = queued[0].Insight;
        Assert.Multiple(() =>
        {
            Assert.That(insight.Id, Is.EqualTo(stored.Id));
            Assert.That(insight.Namespace, Is.EqualTo("team"));
            Assert.That(insight.Content, Is.EqualTo("short"));
            Assert.That(insight.Type, Is.EqualTo(InsightType.Gotcha));
            Assert.That(insight.Confidence, Is.EqualTo(0.9));
            Assert.That(insight.CreatedAt, Is.EqualTo(created));
            Assert.That(insight.Topics, Is.EqualTo(new[] { "b", "a" }));
            Assert.That(insight.Projects, Is.EqualTo(new[] { "memory" }));
            Assert.That(insight.SourceId, Is.Null);
            Assert.That(queued[0].State, Is.EqualTo(QueuedInsightState.Pending));
        });
        var metadata = (await _store.GetAsync(stored.Id))!.Metadata;
        Assert.That((int)metadata["kept"]!, Is.EqualTo(1));
        Assert.That(metadata["insight"]!["type"]!.GetValue<string>(), Is.EqualTo("gotcha"));
    }

    [TestCase(1)]
    [TestCase(40, Description = "copied")]
    public async Task What_came_from_a_system_does_not_go_back_there(int count)
    {
        await _store.StoreManyAsync(Enumerable.Range(0, count).SelectMany(i => (NewMemory[])
        [
            new NewMemory(Texts.Numbered(i), MemoryType.Insight) { SourceSystem = "one" },
            new NewMemory(Texts.With(Texts.Numbered(1000 + i)), MemoryType.Rag) { SourceSystem = "one" },
        ]));

        Assert.That((await QueuedAsync()).Select(one => one.Sink), Is.EqualTo(Enumerable.Repeat("two", 2 * count)));
    }

    [Test]
    public async Task What_is_found_in_new_content_of_a_memory_from_a_system_was_not_written_there_and_goes_there_too()
    {
        var imported = await _store.StoreAsync(new NewMemory("nothing yet", MemoryType.Rag) { SourceSystem = "one" });

        await _store.UpdateAsync(imported.Id, new MemoryUpdate { Content = Texts.With(Texts.Good) });

        Assert.That((await QueuedAsync()).Select(one => one.Sink), Is.EqualTo(new[] { "one", "two" }));
    }

    [Test]
    public async Task Storing_an_insight_again_queues_nothing()
    {
        await _store.StoreAsync(new NewMemory(Texts.Good, MemoryType.Insight));
        await _store.DiscardQueuedInsightsAsync(new QueuedInsightFilter());

        var again = await _store.StoreAsync(new NewMemory(Texts.Good, MemoryType.Insight));
        await _store.StoreManyAsync(Enumerable.Repeat(new NewMemory(Texts.Good, MemoryType.Insight), 30));
        await _store.StoreAsync(new NewMemory(Texts.With(Texts.Good), MemoryType.Rag));

        Assert.That(again.Outcome, Is.EqualTo(StoreOutcome.AlreadyStored));
        Assert.That(await QueuedAsync(), Is.Empty);
    }

    [Test]
    public async Task Without_a_sink_nothing_is_queued_and_insights_are_found_all_the_same()
    {
        await Store.StoreAsync(new NewMemory(Texts.With(Texts.Good), MemoryType.Rag));
        await Store.StoreAsync(new NewMemory("as such", MemoryType.Insight));
        await Store.StoreManyAsync(Enumerable.Range(0, 50).Select(i => new NewMemory(Texts.With(Texts.Numbered(i)), MemoryType.Rag)));

        Assert.That(await Store.CountAsync(new MemoryFilter { Types = [MemoryType.Insight] }), Is.EqualTo(52));
        Assert.That(await QueuedAsync(), Is.Empty);
        Assert.That(await Store.DispatchPendingAsync(), Is.EqualTo(new InsightDispatch(0, 0, 0)));
    }

    [TestCase(3, Description = "inserted one by one")]
    [TestCase(60, Description = "copied")]
    public async Task A_batch_queues_what_is_in_it_in_its_order(int count)
    {
        var stored = await _store.StoreManyAsync(Enumerable.Range(0, count).Select(i => i % 2 == 0
            ? new NewMemory(Texts.With(Texts.Numbered(i)), MemoryType.Rag)
            : new NewMemory(Texts.Numbered(i), MemoryType.Insight)));

        var queued = (await QueuedAsync()).Where(one => one.Sink == "two").Select(one => one.Insight).ToList();

        Assert.That(stored.Select(one => one.Outcome), Is.All.EqualTo(StoreOutcome.Created));
        Assert.That(stored, Has.Count.EqualTo(count), "a result for each memory that was given");
        Assert.That(queued.Select(insight => insight.Content), Is.EqualTo(Enumerable.Range(0, count).Select(Texts.Numbered)));
        Assert.That(queued.Select(insight => insight.SourceId), Is.EqualTo(Enumerable.Range(0, count).Select(i => i % 2 == 0 ? stored[i].Id : (Guid?)null)));
    }

    [Test]
    public async Task A_batch_that_finds_some_of_it_stored_queues_only_the_rest()
    {
        await _store.StoreManyAsync(Enumerable.Range(0, 30).Select(i => new NewMemory(Texts.Numbered(i), MemoryType.Insight)));
        await _store.DiscardQueuedInsightsAsync(new QueuedInsightFilter());

        await _store.StoreManyAsync(Enumerable.Range(20, 30).Select(i => new NewMemory(Texts.With(Texts.Numbered(i)), MemoryType.Rag)));

        var queued = (await QueuedAsync()).Where(one => one.Sink == "one").Select(one => one.Insight.Content);
        Assert.That(queued, Is.EqualTo(Enumerable.Range(30, 20).Select(Texts.Numbered)));
    }

    [Test]
    public async Task A_filter_that_is_wrong_discards_nothing_and_an_asterisk_means_every_namespace()
    {
        await _store.StoreAsync(new NewMemory("one", MemoryType.Insight));
        await _store.StoreAsync(new NewMemory("two", MemoryType.Insight) { Namespace = "team" });
        foreach (var wrong in new QueuedInsightFilter[] { new() { State = (QueuedInsightState)7 }, new() { Namespace = "a b" }, new() { Sink = "\0" } })
        {
            Assert.That(() => _store.DiscardQueuedInsightsAsync(wrong), Throws.InstanceOf<ArgumentException>());
            Assert.That(() => _store.RequeueInsightsAsync(wrong), Throws.InstanceOf<ArgumentException>());
            Assert.That(() => _store.ListQueuedInsightsAsync(wrong), Throws.InstanceOf<ArgumentException>());
        }

        Assert.That(await QueuedAsync(), Has.Count.EqualTo(4));
        Assert.That(await _store.DiscardQueuedInsightsAsync(new QueuedInsightFilter { Namespace = MemoryFilter.AllNamespaces }), Is.EqualTo(4));
    }

    [Test]
    public async Task Deleting_withdraws_and_what_has_expired_stays_until_it_is_delivered_or_given_up()
    {
        var one = await _store.StoreAsync(new NewMemory("deleted alone", MemoryType.Insight));
        await _store.StoreAsync(new NewMemory("deleted by a filter", MemoryType.Insight) { AgentId = "a" });
        await _store.StoreAsync(new NewMemory("expires", MemoryType.Insight) { ExpiresAt = DateTimeOffset.UtcNow.AddMinutes(-1) });

        await using var database = new Database(NewOptions(), NullLoggerFactory.Instance, TimeProvider.System);
        Assert.That(await new MemoryTable(database, new StoreSchema(Prefix), Embeddings.Dimensions, []).PurgeAsync(1_000, CancellationToken.None), Is.Zero, "it has arrived");
        Assert.That(await TestServer.ScalarAsync<long>($"SELECT count(*) FROM {Outbox}"), Is.Zero);

        await _store.DeleteAsync(one.Id);
        await _store.DeleteManyAsync(new MemoryFilter { AgentId = "a" });
        Assert.That((await QueuedAsync()).Select(queued => queued.Insight.Content), Is.EqualTo(new[] { "expires", "expires" }));
        Assert.That(await _store.PurgeExpiredAsync(), Is.Zero, "it is in the outbox");
        await _store.DiscardQueuedInsightsAsync(new QueuedInsightFilter { Sink = "one" });
        Assert.That(await _store.PurgeExpiredAsync(), Is.Zero, "the other sink waits");
        await _store.DispatchPendingAsync();
        Assert.That(await _store.PurgeExpiredAsync(), Is.EqualTo(1));
    }

    [TestCase(MemoryType.Insight)]
    [TestCase(MemoryType.Rag)]
    public async Task What_had_expired_undelivered_goes_out_all_the_same_when_it_is_stored_again_without_a_sink(MemoryType type)
    {
        var content = type == MemoryType.Insight ? Texts.Good : Texts.With(Texts.Good);
        await _store.StoreAsync(new NewMemory(content, type) { ExpiresAt = DateTimeOffset.UtcNow.AddMinutes(-1) });
        var waiting = (await QueuedAsync()).ConvertAll(queued => queued.Insight.Id);
        await Store.StoreAsync(new NewMemory(content, type));
        await Store.StoreManyAsync(Enumerable.Range(0, 40).Select(i => new NewMemory(i == 7 ? content : Texts.Numbered(i), type)));

        Assert.That(await Store.CountAsync(new MemoryFilter { Types = [MemoryType.Insight] }), Is.EqualTo(type == MemoryType.Insight ? 40 : 1));
        Assert.That((await QueuedAsync()).ConvertAll(queued => queued.Insight.Id), Is.EqualTo(waiting));
        Assert.That(await _store.DispatchPendingAsync(), Is.EqualTo(new InsightDispatch(2, 0, 0)));
        Assert.That(await _store.PurgeExpiredAsync(), Is.EqualTo(1));
    }

    [Test]
    public async Task What_has_expired_undelivered_and_is_stored_again_goes_out_as_both()
    {
        var expired = await _store.StoreAsync(new NewMemory("twice", MemoryType.Insight) { ExpiresAt = DateTimeOffset.UtcNow.AddMinutes(-1) });
        var again = await _store.StoreAsync(new NewMemory("twice", MemoryType.Insight));

        Assert.That((await QueuedAsync()).Where(queued => queued.Sink == "one").Select(queued => queued.Insight.Id), Is.EqualTo(new[] { expired.Id, again.Id }));
    }

    [Test]
    public async Task What_had_expired_undelivered_goes_out_as_itself_when_another_memory_takes_its_text()
    {
        var sink = new RecordingSink("three");
        await using var store = NewStore(sinks: [sink]);
        var other = await store.StoreAsync(new NewMemory("first", MemoryType.Insight));
        await store.DispatchPendingAsync();
        var expired = await store.StoreAsync(new NewMemory("second", MemoryType.Insight) { ExpiresAt = DateTimeOffset.UtcNow.AddMinutes(-1) });

        await store.UpdateAsync(other.Id, new MemoryUpdate { Content = "second" });
        await store.DispatchPendingAsync();

        Assert.That(sink.Received.Select(insight => (insight.Id, insight.Content)), Is.EqualTo(new[] { (other.Id, "first"), (expired.Id, "second") }));
    }

    [Test]
    public async Task What_is_found_in_new_content_is_stored_though_an_equal_one_has_expired()
    {
        await _store.StoreAsync(new NewMemory(Texts.Good, MemoryType.Insight) { ExpiresAt = DateTimeOffset.UtcNow.AddMinutes(-1) });
        var source = await _store.StoreAsync(new NewMemory("nothing yet", MemoryType.Rag));

        await _store.UpdateAsync(source.Id, new MemoryUpdate { Content = Texts.With(Texts.Good) });

        Assert.That(await _store.CountAsync(new MemoryFilter { Types = [MemoryType.Insight] }), Is.EqualTo(1));
    }

    [TestCase(1)]
    [TestCase(20, Description = "copied")]
    public async Task Of_equal_ones_found_in_a_batch_the_one_that_stays_is_kept(int each)
    {
        await _store.StoreManyAsync(Enumerable.Range(0, each).SelectMany(i => (NewMemory[])
        [
            new NewMemory($"{Texts.With(Texts.Numbered(i))} It expires.", MemoryType.Rag) { ExpiresAt = DateTimeOffset.UtcNow.AddMinutes(-1) },
            new NewMemory($"{Texts.With(Texts.Numbered(i))} It stays.", MemoryType.Rag),
        ]));

        Assert.That(await _store.CountAsync(new MemoryFilter { Types = [MemoryType.Insight] }), Is.EqualTo(each));
    }

    [Test]
    public async Task What_was_deleted_before_it_was_brought_in_stays_withdrawn_when_an_import_brings_the_memory_back()
    {
        var stored = await _store.StoreAsync(new NewMemory(Texts.Good, MemoryType.Insight));
        using var file = new MemoryStream();
        await _store.ExportAsync(file);
        await _store.DeleteAsync(stored.Id);
        file.Position = 0;

        await _store.ImportAsync(file);

        Assert.That(await _store.GetAsync(stored.Id), Is.Not.Null);
        Assert.That(await QueuedAsync(), Is.Empty);
    }

    [Test]
    public async Task What_is_imported_is_not_queued()
    {
        await _store.StoreManyAsync(Enumerable.Range(0, 30).Select(i => new NewMemory(Texts.Numbered(i), MemoryType.Insight)));
        using var file = new MemoryStream();
        await _store.ExportAsync(file);
        await _store.DeleteManyAsync(new MemoryFilter());
        file.Position = 0;

        await _store.ImportAsync(file);

        Assert.That(await _store.CountAsync(new MemoryFilter()), Is.EqualTo(30));
        Assert.That(await QueuedAsync(), Is.Empty);
    }

    [Test]
    public async Task What_the_host_said_of_an_insight_is_told_though_its_metadata_was_replaced()
    {
        var stored = await _store.StoreAsync(new NewMemory(Texts.With(Texts.Good), MemoryType.Rag));
        var insight = (await QueuedAsync())[0].Insight;

        await _store.UpdateAsync(insight.Id, new MemoryUpdate { Metadata = new() { ["reviewed"] = true } });

        Assert.That((await QueuedAsync())[0].Insight.SourceId, Is.EqualTo(stored.Id));
    }

    [Test]
    public async Task What_is_told_is_what_the_memory_holds_when_it_goes_out()
    {
        var stored = await _store.StoreAsync(new NewMemory("You should always use an index.", MemoryType.Insight) { Tags = ["project:old"] });
        await QueuedAsync();

        await _store.UpdateAsync(stored.Id, new MemoryUpdate { Tags = ["project:new"] });

        var insight = (await QueuedAsync())[0].Insight;
        Assert.That(insight.Type, Is.EqualTo(InsightType.BestPractice), "by its words");
        Assert.That(insight.Projects, Is.EqualTo(new[] { "new" }));
    }

    [Test]
    public async Task What_is_deleted_behind_the_librarys_back_is_not_told_and_keeps_nobody_waiting()
    {
        for (var i = 0; i < 4; i++)
            await _store.StoreAsync(new NewMemory(Texts.Numbered(i), MemoryType.Insight));
        await TestServer.ExecuteAsync($"DELETE FROM {Table} WHERE content = '{Texts.Numbered(3)}'");
        await QueuedAsync();
        await TestServer.ExecuteAsync($"DELETE FROM {Table} WHERE content IN ('{Texts.Numbered(0)}', '{Texts.Numbered(2)}')");

        Assert.That(await _store.DispatchPendingAsync(), Is.EqualTo(new InsightDispatch(2, 0, 0)));
        Assert.That(await TestServer.ScalarAsync<long>($"SELECT count(*) FROM {Queued}"), Is.Zero);
    }

    [Test]
    public async Task However_much_has_arrived_and_whatever_of_it_is_gone_all_of_it_is_admitted()
    {
        await _store.StoreManyAsync(Enumerable.Range(0, 60).Select(i => new NewMemory(Texts.Numbered(i), MemoryType.Insight)));
        await TestServer.ExecuteAsync(
            $"""
            CREATE TABLE {Table}_arrived AS SELECT * FROM {Prefix}memories.insight_arrivals;
            TRUNCATE {Prefix}memories.insight_arrivals;
            INSERT INTO {Prefix}memories.insight_arrivals SELECT * FROM {Table}_arrived ORDER BY memory_id DESC;
            INSERT INTO {Prefix}memories.insight_arrivals (namespace, memory_id, sink, queued_at) SELECT 'default', gen_random_uuid(), 'one', now() - interval '1 s' * generate_series FROM generate_series(1, 250000);
            DROP TABLE {Table}_arrived;
            """);
        var sink = new RecordingSink("one");
        await using var store = NewStore(sinks: [sink]);

        await store.DispatchPendingAsync();

        Assert.That(sink.Texts, Is.EqualTo(Enumerable.Range(0, 60).Select(Texts.Numbered)));
        Assert.That(await TestServer.ScalarAsync<long>($"SELECT count(*) FROM {Queued}"), Is.EqualTo(60), "those for the other sink");
    }

    [Test]
    public async Task Many_hosts_that_admit_at_once_admit_each_once()
    {
        var hosts = Enumerable.Range(0, 6).Select(_ => NewStore(sinks: [new RecordingSink("one"), new RecordingSink("two")])).ToList();
        var storing = Task.WhenAll(hosts.Select((host, number) => host.StoreManyAsync(
            Enumerable.Range(0, 100).Select(i => new NewMemory($"insight {i} of {number}", MemoryType.Insight)))));
        while (!storing.IsCompleted)
            await Task.WhenAll(hosts.Select(host => host.GetInsightBacklogAsync()));
        await storing;

        var backlog = await _store.GetInsightBacklogAsync();

        Assert.That(backlog.Select(one => one.Pending), Is.EqualTo(new[] { 600L, 600L }));
        Assert.That(await TestServer.ScalarAsync<long>($"SELECT count(*) FROM {Prefix}memories.insight_arrivals"), Is.Zero);
        foreach (var host in hosts)
            await host.DisposeAsync();
    }

    [Test]
    public async Task Deleting_a_memory_keeps_the_insights_found_in_it()
    {
        var source = await _store.StoreAsync(new NewMemory(Texts.With(Texts.Good), MemoryType.Rag));
        await _store.DeleteAsync(source.Id);

        Assert.That(await _store.CountAsync(new MemoryFilter { Types = [MemoryType.Insight] }), Is.EqualTo(1));
        Assert.That(await QueuedAsync(), Has.Count.EqualTo(2));
    }

    [Test]
    public async Task New_content_brings_its_insights_and_an_insight_goes_out_as_it_is_now()
    {
        var source = await _store.StoreAsync(new NewMemory("nothing yet", MemoryType.Rag) { Namespace = "team", SessionId = "s" });
        var insight = await _store.StoreAsync(new NewMemory("old text", MemoryType.Insight) { Namespace = "team" });

        await _store.UpdateAsync(source.Id, new MemoryUpdate { Content = Texts.With(Texts.Good) });
        await _store.UpdateAsync(insight.Id, new MemoryUpdate { Content = "new text" });
        await _store.UpdateAsync(source.Id, new MemoryUpdate { Content = Texts.With(Texts.Good) + " And more." });

        var queued = (await QueuedAsync()).Where(one => one.Sink == "one").Select(one => one.Insight).ToList();
        Assert.That(queued.Select(one => one.Content), Is.EquivalentTo(new[] { Texts.Good, "new text" }));
        Assert.That(queued.Single(one => one.Content == Texts.Good).SourceId, Is.EqualTo(source.Id));
    }

    [Test]
    public async Task A_store_call_needs_no_more_round_trips_for_an_insight()
    {
        var name = "trips " + Prefix;
        await using var store = NewStore(options => options.ApplicationName = name, sinks: [new RecordingSink()]);
        await store.StoreAsync(new NewMemory("warm", MemoryType.Rag));
        using var sent = new SentStatements(name);
        await store.StoreAsync(new NewMemory("plain", MemoryType.Rag));
        var plain = sent.Take().Count;

        await store.StoreAsync(new NewMemory("an insight", MemoryType.Insight));
        var insight = sent.Take().Count;
        await store.StoreAsync(new NewMemory(Texts.With(Texts.Good), MemoryType.Rag));
        var found = sent.Take().Count;

        Assert.That(new[] { plain, insight, found }, Is.EqualTo(new[] { 2, 2, 2 }), "look, and write");
    }

    private Task<List<QueuedInsight>> QueuedAsync() => ToListAsync(_store.ListQueuedInsightsAsync(new QueuedInsightFilter()));
}
