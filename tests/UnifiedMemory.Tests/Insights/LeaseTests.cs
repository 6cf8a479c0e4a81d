using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Tests.Insights;

/// <summary>Several hosts on one outbox, and hosts that end in the middle.</summary>
public sealed class LeaseTests : StoreFixture
{
    [Test]
    public async Task A_run_is_claimed_by_one_host_and_the_rest_of_its_namespace_waits()
    {
        await StoreAsync(5);
        await using var database = new Database(NewOptions(), NullLoggerFactory.Instance, TimeProvider.System);
        var outbox = new InsightOutbox(database, new StoreSchema(Prefix));
        var lease = NewLease();

        var claimed = await outbox.ClaimAsync(lease, patience: 3, limit: 2, CancellationToken.None);
        var others = await outbox.ClaimAsync(NewLease(), patience: 3, limit: 5, CancellationToken.None);
        var again = await outbox.ClaimAsync(lease, patience: 3, limit: 2, CancellationToken.None);

        Assert.That(claimed.Select(row => row.Memory!.Content), Is.EqualTo(new[] { Texts.Numbered(0), Texts.Numbered(1) }));
        Assert.That(others, Is.Empty, "an earlier one of the namespace is leased");
        Assert.That(again.Select(row => row.Memory!.Content), Is.EqualTo(claimed.Select(row => row.Memory!.Content)), "an answer that got lost");

        await outbox.DeliveredAsync(lease, claimed[0].Id, CancellationToken.None);
        await outbox.ReleaseAllAsync(lease, [claimed[1].Id], TimeSpan.Zero, CancellationToken.None);
        var next = await outbox.ClaimAsync(NewLease(), patience: 3, limit: 2, CancellationToken.None);
        Assert.That(next.Select(row => row.Memory!.Content), Is.EqualTo(new[] { Texts.Numbered(1), Texts.Numbered(2) }));
    }

    [Test]
    public async Task One_that_becomes_due_again_waits_for_those_after_it_that_another_host_delivers()
    {
        await StoreAsync(3);
        await TestServer.ExecuteAsync($"UPDATE {Outbox} SET failures = 3, due_at = now() + interval '1 hour' WHERE {IsAbout(Texts.Numbered(0))}");
        await using var database = new Database(NewOptions(), NullLoggerFactory.Instance, TimeProvider.System);
        var outbox = new InsightOutbox(database, new StoreSchema(Prefix));
        var lease = NewLease();
        Assert.That((await outbox.ClaimAsync(lease, patience: 3, limit: 20, CancellationToken.None)).Count, Is.EqualTo(2), "the first one stepped aside");

        await TestServer.ExecuteAsync($"UPDATE {Outbox} SET due_at = now() WHERE {IsAbout(Texts.Numbered(0))}");
        var meanwhile = await outbox.ClaimAsync(NewLease(), patience: 3, limit: 20, CancellationToken.None);
        var trial = await outbox.ClaimAsync(NewLease(), patience: 3, limit: 1, CancellationToken.None);
        await outbox.ReleaseAllAsync(lease, [], TimeSpan.Zero, CancellationToken.None);
        var afterwards = await outbox.ClaimAsync(NewLease(), patience: 3, limit: 20, CancellationToken.None);

        Assert.That(meanwhile, Is.Empty);
        Assert.That(trial, Is.Empty);
        Assert.That(afterwards.Select(row => row.Memory!.Content), Is.EqualTo(Enumerable.Range(0, 3).Select(Texts.Numbered)));
    }

    [Test]
    public async Task Of_many_who_claim_at_once_one_gets_the_run_and_nobody_a_part_of_it()
    {
        await StoreAsync(20);
        await using var database = new Database(NewOptions(), NullLoggerFactory.Instance, TimeProvider.System);
        var outbox = new InsightOutbox(database, new StoreSchema(Prefix));
        for (var round = 0; round < 20; round++)
        {
            var leases = Enumerable.Range(0, 12).Select(_ => NewLease()).ToList();
            var claims = await Task.WhenAll(leases.Select(lease => Task.Run(() => outbox.ClaimAsync(lease, patience: 3, limit: 5, CancellationToken.None))));

            var got = claims.Where(claim => claim.Count > 0).ToList();
            Assert.That(got, Has.Count.LessThanOrEqualTo(1));
            if (got.Count == 1)
            {
                Assert.That(got[0].Select(row => row.Memory!.Content), Is.EqualTo(Enumerable.Range(0, 5).Select(Texts.Numbered)), "the first ones, in order");
                await outbox.ReleaseAllAsync(leases[Array.IndexOf(claims, got[0])], [.. got[0].Select(row => row.Id)], TimeSpan.Zero, CancellationToken.None);
            }
        }
    }

    [Test]
    public async Task A_host_that_finds_the_first_one_locked_takes_none_of_the_later_ones()
    {
        await StoreAsync(5);
        await using var database = new Database(NewOptions(), NullLoggerFactory.Instance, TimeProvider.System);
        var outbox = new InsightOutbox(database, new StoreSchema(Prefix));
        await using var other = new NpgsqlConnection(TestServer.ConnectionString);
        await other.OpenAsync();
        await using (var transaction = await other.BeginTransactionAsync())
        {
            await using var command = new NpgsqlCommand($"SELECT FROM {Outbox} WHERE {IsAbout(Texts.Numbered(0))} FOR UPDATE", other, transaction);
            await command.ExecuteNonQueryAsync();

            Assert.That(await outbox.ClaimAsync(NewLease(), patience: 3, limit: 5, CancellationToken.None), Is.Empty);
        }

        Assert.That(await outbox.ClaimAsync(NewLease(), patience: 3, limit: 5, CancellationToken.None), Has.Count.EqualTo(5));
    }

    [Test]
    public async Task Nobody_looks_into_the_outbox_while_another_host_brings_in_what_has_arrived()
    {
        await StoreAsync(1);
        await using var database = new Database(NewOptions(), NullLoggerFactory.Instance, TimeProvider.System);
        await using var other = new NpgsqlConnection(TestServer.ConnectionString);
        await other.OpenAsync();
        Task<List<NamespaceHead>> heads;
        await using (var transaction = await other.BeginTransactionAsync())
        {
            await using var command = new NpgsqlCommand($"SELECT pg_advisory_xact_lock(hashtextextended('\"{Prefix}memories\".insight_arrivals', 0))", other, transaction);
            await command.ExecuteNonQueryAsync();
            heads = new InsightOutbox(database, new StoreSchema(Prefix)).HeadsAsync("recording", "", patience: 3, limit: 10, CancellationToken.None);
            await Eventually.TrueAsync(
                async () => await TestServer.ScalarAsync<long>($"SELECT count(*) FROM pg_stat_activity WHERE {other.ProcessID} = ANY (pg_blocking_pids(pid))") == 1,
                "it waits: an earlier insight may be on its way");
            Assert.That(heads.IsCompleted, Is.False);
        }

        Assert.That(await heads, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task A_host_that_died_is_followed_by_another_when_its_lease_is_over()
    {
        await StoreAsync(3);
        await using var database = new Database(NewOptions(), NullLoggerFactory.Instance, TimeProvider.System);
        await new InsightOutbox(database, new StoreSchema(Prefix)).ClaimAsync(NewLease(), patience: 3, limit: 2, CancellationToken.None);
        var sink = new RecordingSink();
        await using var store = NewStore(sinks: [sink]);

        Assert.That((await store.DispatchPendingAsync()).Delivered, Is.Zero);
        await TestServer.ExecuteAsync($"UPDATE {Outbox} SET leased_until = now() - interval '1 second' WHERE leased_until IS NOT NULL");
        await store.DispatchPendingAsync();

        Assert.That(sink.Received.Select(insight => (insight.Content, insight.Attempt)), Is.EqualTo(new[]
        {
            (Texts.Numbered(0), 2), (Texts.Numbered(1), 2), (Texts.Numbered(2), 1),
        }), "what the dead host may have sent says so");
    }

    [TestCase(-1)]
    [TestCase(1)]
    public async Task A_clock_that_is_an_hour_off_changes_nothing(int hours)
    {
        await StoreAsync(2);
        var sink = new RecordingSink();
        var options = NewOptions();
        DispatchTests.Quick(options);
        await using var store = UnifiedMemoryStore.Create(
            options, Embeddings, timeProvider: new FakeTimeProvider(DateTimeOffset.UtcNow.AddHours(hours)) { AutoAdvanceAmount = TimeSpan.Zero }, insightSinks: [sink]);
        var failures = 0;
        sink.OnDeliver = (_, _) => Task.FromResult(failures++ == 0 ? InsightDelivery.Unavailable("once") : InsightDelivery.Delivered);

        await Eventually.TrueAsync(
            async () =>
            {
                await store.DispatchPendingAsync();
                return sink.Received.Count == 2;
            },
            "delivered, with a failure and a wait in between");

        Assert.That(sink.Texts, Is.EqualTo(new[] { Texts.Numbered(0), Texts.Numbered(1) }));
    }

    [Test]
    public async Task A_call_that_is_cancelled_gives_back_what_it_had_and_what_was_under_way_waits_until_it_must_have_ended()
    {
        await StoreAsync(3);
        var sink = new RecordingSink();
        await using var store = NewStore(sinks: [sink]);
        using var cancel = new CancellationTokenSource();
        sink.OnDeliver = async (_, token) =>
        {
            await cancel.CancelAsync();
            await Task.Delay(Timeout.Infinite, token);
            return InsightDelivery.Delivered;
        };
        Assert.That(async () => await store.DispatchPendingAsync(cancel.Token), Throws.InstanceOf<OperationCanceledException>());

        sink.OnDeliver = (_, _) => Task.FromResult(InsightDelivery.Delivered);
        await store.DispatchPendingAsync();
        Assert.That(sink.Received, Is.Empty, "the first may arrive yet, and the others come after it");
        Assert.That(
            await TestServer.ScalarAsync<double>($"SELECT extract(epoch FROM due_at - now())::float8 FROM {Outbox} WHERE attempts = 1"),
            Is.InRange(10, 20), "two time-outs");

        await TestServer.ExecuteAsync($"UPDATE {Outbox} SET due_at = now()");
        await store.DispatchPendingAsync();
        Assert.That(sink.Received.Select(insight => insight.Attempt), Is.EqualTo(new[] { 2, 1, 1 }));
        Assert.That(sink.Texts, Is.EqualTo(Enumerable.Range(0, 3).Select(Texts.Numbered)));
    }

    [Test]
    public async Task What_could_not_be_written_down_is_given_back_with_the_rest()
    {
        await StoreAsync(3);
        await using var store = NewStore(sinks: [new RecordingSink()]);
        await TestServer.ExecuteAsync(
            $"""
            CREATE TABLE {Outbox}_pin AS SELECT namespace, memory_id, sink FROM {Outbox};
            ALTER TABLE {Outbox}_pin ADD FOREIGN KEY (namespace, memory_id, sink) REFERENCES {Outbox};
            """);

        Assert.That(async () => await store.DispatchPendingAsync(), Throws.InstanceOf<UnifiedMemoryException>());
        await TestServer.ExecuteAsync($"DROP TABLE {Outbox}_pin");

        Assert.That(await TestServer.ScalarAsync<long>($"SELECT count(*) FROM {Outbox} WHERE lease_id IS NULL"), Is.EqualTo(3));
        Assert.That(await TestServer.ScalarAsync<long>($"SELECT sum(attempts) FROM {Outbox}"), Is.EqualTo(1), "two were certainly not tried");
    }

    [Test]
    public async Task Three_hosts_share_the_work_each_insight_once_and_each_namespace_in_order()
    {
        const int namespaces = 12;
        const int each = 40;
        var sink = new RecordingSink();
        var failures = 0;
        sink.OnDeliver = async (_, _) =>
        {
            await Task.Yield();
            return Interlocked.Increment(ref failures) % 17 == 0 ? InsightDelivery.Unavailable("now and then") : InsightDelivery.Delivered;
        };
        for (var n = 0; n < namespaces; n++)
            await StoreAsync(each, $"n{n}");
        var hosts = Enumerable.Range(0, 3).Select(_ => NewStore(WithoutPassing, sinks: [sink])).ToList();

        await Eventually.TrueAsync(
            async () =>
            {
                await Task.WhenAll(hosts.Select(host => host.DispatchPendingAsync()));
                return sink.Received.Count >= namespaces * each;
            },
            "everything is delivered");

        Assert.That(sink.Received.Select(insight => insight.Id), Is.Unique);
        Assert.That(sink.Overlaps, Is.Zero, "one at a time within a namespace");
        foreach (var one in sink.Received.GroupBy(insight => insight.Namespace))
            Assert.That(one.Select(insight => insight.Content), Is.EqualTo(Enumerable.Range(0, each).Select(Texts.Numbered)));
        foreach (var host in hosts)
            await host.DisposeAsync();

        static void WithoutPassing(UnifiedMemoryOptions options)
        {
            DispatchTests.Quick(options);
            options.Insights.MaxAttempts = options.Insights.OrderedAttempts = 100;
        }
    }

    private static Lease NewLease() => new(Guid.NewGuid(), "recording", "default", TimeSpan.FromMinutes(2));

    private async Task StoreAsync(int count, string @namespace = "default")
    {
        await using var store = NewStore(sinks: [new RecordingSink()]);
        await store.StoreManyAsync(Enumerable.Range(0, count).Select(i => new NewMemory(Texts.Numbered(i), MemoryType.Insight) { Namespace = @namespace }));
        await store.GetInsightBacklogAsync(); // what has arrived is in the outbox then
    }
}
