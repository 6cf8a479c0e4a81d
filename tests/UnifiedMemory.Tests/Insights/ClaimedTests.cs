using Microsoft.Extensions.Logging.Abstractions;
using UnifiedMemory.Postgres;
using UnifiedMemory.TestSupport;

namespace UnifiedMemory.Tests.Insights;

/// <summary>What happens to insights between their claim and their delivery, and who counts as queued again.</summary>
public sealed class ClaimedTests : StoreFixture
{
    [Test]
    public async Task What_changes_while_those_before_it_are_delivered_goes_out_as_it_is_and_not_at_all_when_deleted()
    {
        await StoreAsync(4);
        var sink = new RecordingSink();
        await using var store = NewStore(sinks: [sink]);
        var ids = (await ToListAsync(store.ListQueuedInsightsAsync(new QueuedInsightFilter()))).ConvertAll(queued => queued.Insight.Id);
        sink.OnDeliver = async (insight, token) =>
        {
            if (insight.Id == ids[0])
            {
                await store.UpdateAsync(ids[1], new MemoryUpdate { Content = "changed" }, token);
                await store.DeleteAsync(ids[2], token);
            }

            return InsightDelivery.Delivered;
        };

        await store.DispatchPendingAsync();

        Assert.That(sink.Texts, Is.EqualTo(new[] { Texts.Numbered(0), "changed", Texts.Numbered(3) }));
        Assert.That(await TestServer.ScalarAsync<long>($"SELECT count(*) FROM {Outbox}"), Is.Zero);
    }

    [Test]
    public async Task Only_what_was_parked_counts_as_queued_again()
    {
        await StoreAsync(4);
        await TestServer.ExecuteAsync(
            $"""
            UPDATE {Outbox} SET in_outage = true, failures = 1;
            UPDATE {Outbox} SET parked_at = now(), failures = 10 WHERE {IsAbout(Texts.Numbered(1), Texts.Numbered(2))};
            UPDATE {Outbox} SET parked_at = now(), failures = 20 WHERE {IsAbout(Texts.Numbered(3))};
            """);
        await using var database = new Database(NewOptions(), NullLoggerFactory.Instance, TimeProvider.System);

        var revived = await new InsightOutbox(database, new StoreSchema(Prefix)).ReviveAsync("recording", mostFailures: 20, CancellationToken.None);

        Assert.That(revived, Is.EqualTo(2), "one was only waiting, and one has failed too often");
        Assert.That(await TestServer.ScalarAsync<long>($"SELECT count(*) FROM {Outbox} WHERE parked_at IS NULL"), Is.EqualTo(3));
        Assert.That(await TestServer.ScalarAsync<long>($"SELECT count(*) FROM {Outbox} WHERE in_outage"), Is.Zero);
    }

    [Test]
    public async Task A_claim_that_is_cancelled_after_its_commit_is_given_back()
    {
        await StoreAsync(3);
        await using var proxy = TcpProxy.StartFor(TestServer.ConnectionString);
        var sink = new RecordingSink();
        await using var store = NewStore(options => options.ConnectionString = proxy.Rewrite(TestServer.ConnectionString), sinks: [sink]);
        await store.CountAsync(new MemoryFilter());
        using var cancel = new CancellationTokenSource();
        proxy.Delay(TimeSpan.FromMilliseconds(500));
        var dispatching = store.DispatchPendingAsync(cancel.Token);
        await Eventually.TrueAsync(
            async () => await TestServer.ScalarAsync<long>($"SELECT count(*) FROM {Outbox} WHERE lease_id IS NOT NULL") == 3, "it is committed");

        await cancel.CancelAsync();
        Assert.That(async () => await dispatching, Throws.InstanceOf<OperationCanceledException>());

        Assert.That(await TestServer.ScalarAsync<long>($"SELECT count(*) FROM {Outbox} WHERE lease_id IS NULL"), Is.EqualTo(3));
        Assert.That(sink.Tries, Is.Empty);
        proxy.Heal();
        await store.DispatchPendingAsync();
        Assert.That(sink.Texts, Is.EqualTo(Enumerable.Range(0, 3).Select(Texts.Numbered)), "each once, in order");
    }

    private async Task StoreAsync(int count)
    {
        await using var store = NewStore(sinks: [new RecordingSink()]);
        await store.StoreManyAsync(Enumerable.Range(0, count).Select(i => new NewMemory(Texts.Numbered(i), MemoryType.Insight)));
        await store.GetInsightBacklogAsync(); // what has arrived is in the outbox then
    }
}
