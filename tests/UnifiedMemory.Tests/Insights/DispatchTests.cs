namespace UnifiedMemory.Tests.Insights;

/// <summary>What the dispatcher does with what is queued, and with sinks that do not take it.</summary>
public sealed class DispatchTests : StoreFixture
{
    private static readonly string[] Poisoned = [.. Enumerable.Range(0, 5).Select(Texts.Numbered)];

    private RecordingSink _sink = null!;
    private UnifiedMemoryStore _store = null!;

    [SetUp]
    public void CreateStore() => _store = NewStore(Quick, sinks: [_sink = new RecordingSink()]);

    [TearDown]
    public async Task DisposeStore() => await _store.DisposeAsync();

    [Test]
    public async Task What_is_delivered_is_gone_and_comes_once()
    {
        await StoreAsync(5);

        var done = await _store.DispatchPendingAsync();
        var again = await _store.DispatchPendingAsync();

        Assert.That(done, Is.EqualTo(new InsightDispatch(5, 0, 0)));
        Assert.That(again, Is.EqualTo(new InsightDispatch(0, 0, 0)));
        Assert.That(_sink.Texts, Is.EqualTo(Enumerable.Range(0, 5).Select(Texts.Numbered)));
        Assert.That(_sink.Received.Select(insight => insight.Attempt), Is.All.EqualTo(1));
        Assert.That(await QueuedAsync(), Is.Empty);
    }

    [Test]
    public async Task A_memory_that_was_purged_is_delivered_and_one_that_was_deleted_is_not()
    {
        await _store.StoreAsync(new NewMemory("purged", MemoryType.Insight) { ExpiresAt = DateTimeOffset.UtcNow.AddMinutes(-1) });
        var deleted = await _store.StoreAsync(new NewMemory("deleted", MemoryType.Insight));
        await _store.PurgeExpiredAsync();
        await _store.DeleteAsync(deleted.Id);

        await _store.DispatchPendingAsync();

        Assert.That(_sink.Texts, Is.EqualTo(new[] { "purged" }));
    }

    [Test]
    public async Task A_failure_keeps_the_order_of_its_namespace_and_other_namespaces_go_on()
    {
        await StoreAsync(3);
        await StoreAsync(2, "other");
        var failures = 0;
        _sink.OnDeliver = (insight, _) => Task.FromResult(
            insight is { Namespace: "default" } && insight.Content == Texts.Numbered(0) && failures++ < 2 ? InsightDelivery.Unavailable("later") : InsightDelivery.Delivered);

        await DispatchUntilAsync(() => _sink.Received.Count == 5);

        Assert.That(
            _sink.Received.Where(insight => insight.Namespace == "default").Select(insight => insight.Content),
            Is.EqualTo(Enumerable.Range(0, 3).Select(Texts.Numbered)));
        Assert.That(_sink.Received.First(insight => insight.Content == Texts.Numbered(0) && insight.Namespace == "default").Attempt, Is.EqualTo(3));
    }

    [Test]
    public async Task A_poisoned_one_is_parked_with_its_last_error_while_the_others_flow()
    {
        await StoreAsync(1);
        _sink.OnDeliver = (insight, _) => insight.Content == Texts.Numbered(0)
            ? throw new InvalidDataException("a message with the content in it") : Task.FromResult(InsightDelivery.Delivered);
        for (var i = 1; i < 30; i++)
            await _store.StoreAsync(new NewMemory(Texts.Numbered(i), MemoryType.Insight));

        await DispatchUntilAsync(() => _sink.Received.Count == 29);
        await DispatchUntilAsync(async () => (await QueuedAsync()) is [{ State: QueuedInsightState.Parked }]);

        var parked = (await QueuedAsync()).Single();
        Assert.That(parked.LastError, Is.EqualTo(nameof(InvalidDataException)), "the type, not the message");
        Assert.That(parked.Failures, Is.EqualTo(4));
        Assert.That(parked.Insight.Attempt, Is.EqualTo(4));
        Assert.That(parked.ParkedAt, Is.Not.Null);
        Assert.That(_sink.Texts, Is.EqualTo(Enumerable.Range(1, 29).Select(Texts.Numbered)));
        Assert.That(await _store.DispatchPendingAsync(), Is.EqualTo(new InsightDispatch(0, 0, 0)), "it is left alone");
    }

    [Test]
    public async Task Five_poisoned_ones_at_the_head_hold_up_the_others_for_a_while_and_stay_parked()
    {
        await StoreAsync(15);
        _sink.OnDeliver = (insight, _) => Task.FromResult(
            Poisoned.Contains(insight.Content) ? InsightDelivery.Unavailable("poisoned") : InsightDelivery.Delivered);

        await DispatchUntilAsync(async () => (await QueuedAsync()) is { Count: 5 } left && left.All(one => one.State == QueuedInsightState.Parked));
        for (var i = 15; i < 30; i++)
        {
            await _store.StoreAsync(new NewMemory(Texts.Numbered(i), MemoryType.Insight));
            await DispatchUntilAsync(() => _sink.Received.Count == i + 1 - 5);
            await Task.Delay(50);
        }

        Assert.That((await QueuedAsync()).Select(one => (one.Insight.Content, one.State)), Is.EquivalentTo(Poisoned.Select(text => (text, QueuedInsightState.Parked))));
        Assert.That(_sink.Tries.Count(insight => Poisoned.Contains(insight.Content)), Is.LessThanOrEqualTo(5 * 2 * 4));
        Assert.That(_sink.Texts, Is.EqualTo(Enumerable.Range(5, 25).Select(Texts.Numbered)));
    }

    [Test]
    public async Task A_failure_ends_the_run_so_that_other_namespaces_do_not_wait()
    {
        await StoreAsync(3, "a");
        await StoreAsync(1, "b");
        await TestServer.ExecuteAsync($"UPDATE {Outbox} SET failures = 3 WHERE namespace = 'a'");
        await using var store = NewStore(options => options.Insights.Parallelism = 1, sinks: [_sink]);
        _sink.OnDeliver = (insight, _) => Task.FromResult(insight.Namespace == "a" ? InsightDelivery.Unavailable("no") : InsightDelivery.Delivered);

        await store.DispatchPendingAsync();

        Assert.That(_sink.Tries.Select(insight => insight.Namespace), Is.EqualTo(new[] { "a", "b", "a", "a" }));
    }

    [Test]
    public async Task A_refused_one_is_parked_at_once_and_can_be_queued_again()
    {
        await StoreAsync(3);
        _sink.OnDeliver = (insight, _) => Task.FromResult(
            insight.Content == Texts.Numbered(1) ? InsightDelivery.Refused("not \0 mine \ud800") : InsightDelivery.Delivered);

        var done = await _store.DispatchPendingAsync();

        Assert.That(done, Is.EqualTo(new InsightDispatch(2, 0, 1)));
        Assert.That((await QueuedAsync()).Single().LastError, Is.EqualTo("not  mine "), "what the server can hold of it");
        _sink.OnDeliver = (_, _) => Task.FromResult(InsightDelivery.Delivered);
        Assert.That(await _store.RequeueInsightsAsync(new QueuedInsightFilter { Sink = "another" }), Is.Zero);
        Assert.That(await _store.RequeueInsightsAsync(new QueuedInsightFilter { Sink = "recording", State = QueuedInsightState.Parked }), Is.EqualTo(1));
        Assert.That(await _store.DispatchPendingAsync(), Is.EqualTo(new InsightDispatch(1, 0, 0)));
        Assert.That(_sink.Received.Last().Attempt, Is.EqualTo(2), "an earlier try may have arrived");
    }

    [TestCase(60, 60)]
    [TestCase(-60, 0)]
    [TestCase(1_000_000, 86_400)]
    public async Task A_sink_can_ask_for_a_longer_wait_before_the_next_try(int seconds, int expected)
    {
        await StoreAsync(1);
        _sink.OnDeliver = (_, _) => Task.FromResult(InsightDelivery.Unavailable("at work", TimeSpan.FromSeconds(seconds)));
        await using var impatient = NewStore(
            options =>
            {
                Quick(options);
                options.Insights.MaxAttempts = 1;
            },
            sinks: [_sink]);

        await impatient.DispatchPendingAsync();
        Assert.That(await impatient.RequeueInsightsAsync(new QueuedInsightFilter()), Is.EqualTo(1));

        var wait = await TestServer.ScalarAsync<double>($"SELECT extract(epoch FROM due_at - now())::float8 FROM {Outbox}");
        Assert.That(wait, Is.EqualTo(expected).Within(20), "also when it was parked, and is queued again at once");
        if (expected == 0)
            return;
        Assert.That(await _store.DispatchPendingAsync(), Is.EqualTo(new InsightDispatch(0, 0, 0)));
        await TestServer.ExecuteAsync($"UPDATE {Outbox} SET due_at = now()");
        Assert.That((await _store.DispatchPendingAsync()).Failed, Is.EqualTo(1), "one try, though the wait after it is short");
    }

    [Test]
    public async Task A_sink_that_hangs_and_does_not_listen_costs_one_time_out_a_try()
    {
        var healthy = new RecordingSink("healthy");
        await using var store = NewStore(
            options =>
            {
                options.Insights.DeliveryTimeout = TimeSpan.FromMilliseconds(100);
                options.Insights.RetryDelay = TimeSpan.FromMinutes(1);
            },
            sinks: [_sink, healthy]);
        var never = new TaskCompletionSource<InsightDelivery>();
        _sink.OnDeliver = (_, _) => never.Task;
        await store.StoreAsync(new NewMemory("one", MemoryType.Insight));

        var done = await store.DispatchPendingAsync();

        Assert.That(done, Is.EqualTo(new InsightDispatch(1, 1, 0)));
        Assert.That(healthy.Received, Has.Count.EqualTo(1));
        Assert.That((await QueuedAsync()).Single().LastError, Is.EqualTo("No answer within 0.1 s."));
        never.SetException(new TimeoutException());
    }

    [Test]
    public async Task A_sink_that_is_away_is_left_alone_and_gets_everything_in_order_when_it_is_back()
    {
        await StoreAsync(12);
        _sink.OnDeliver = (_, _) => Task.FromResult(InsightDelivery.Unavailable("away"));
        await DispatchUntilAsync(async () => (await QueuedAsync()).Count(one => one.State == QueuedInsightState.Parked) >= 2);
        var tries = _sink.Tries.Count;
        await _store.DispatchPendingAsync();
        await _store.DispatchPendingAsync();
        Assert.That(_sink.Tries, Has.Count.LessThanOrEqualTo(tries + 1), "the circuit is open");

        _sink.OnDeliver = (_, _) => Task.FromResult(InsightDelivery.Delivered);
        await DispatchUntilAsync(() => _sink.Received.Count == 12);

        Assert.That(await QueuedAsync(), Is.Empty, "what was parked while it was away came too");
        Assert.That(_sink.Received.Select(insight => insight.Id), Is.Unique);
    }

    [Test]
    public async Task The_only_one_that_is_parked_in_an_outage_is_delivered_when_the_sink_is_back_however_long_it_was_away()
    {
        await StoreAsync(1);
        _sink.OnDeliver = (_, _) => Task.FromResult(InsightDelivery.Unavailable("away"));
        await DispatchUntilAsync(async () => (await QueuedAsync()).Single() is { State: QueuedInsightState.Parked });
        await TestServer.ExecuteAsync($"UPDATE {Outbox} SET parked_at = now() + interval '1 hour'");
        var tries = _sink.Tries.Count;
        await _store.DispatchPendingAsync();
        Assert.That(_sink.Tries, Has.Count.EqualTo(tries), "it was tried just now");
        await TestServer.ExecuteAsync($"UPDATE {Outbox} SET parked_at = now(), due_at = now() + interval '1 hour'");
        await _store.DispatchPendingAsync();
        Assert.That(_sink.Tries, Has.Count.EqualTo(tries), "the sink asked for more time");
        await TestServer.ExecuteAsync($"UPDATE {Outbox} SET due_at = now()");
        await DispatchUntilAsync(() => _sink.Tries.Count >= tries + 6);
        Assert.That((await QueuedAsync()).Single().Failures, Is.EqualTo(4), "tries that only look are not held against it");

        _sink.OnDeliver = (_, _) => Task.FromResult(InsightDelivery.Delivered);
        await DispatchUntilAsync(() => _sink.Received.Count == 1);

        Assert.That(await QueuedAsync(), Is.Empty);
    }

    [Test]
    public async Task What_is_parked_in_an_outage_does_not_wait_for_one_that_the_sink_wants_much_later()
    {
        await StoreAsync(3);
        await TestServer.ExecuteAsync(
            $"""
            UPDATE {Outbox} SET parked_at = now() - interval '1 hour', failures = 4, in_outage = true;
            UPDATE {Outbox} SET parked_at = NULL, due_at = now() + interval '6 hours' WHERE {IsAbout(Texts.Numbered(1))};
            """);

        await DispatchUntilAsync(() => _sink.Received.Count == 2);

        Assert.That((await QueuedAsync()).Single().Insight.Content, Is.EqualTo(Texts.Numbered(1)));
    }

    [Test]
    public async Task A_sink_that_is_back_is_found_though_another_host_holds_the_first_namespace()
    {
        await StoreAsync(2, "a");
        await StoreAsync(6, "b");
        _sink.OnDeliver = (_, _) => Task.FromResult(InsightDelivery.Unavailable("away"));
        await DispatchUntilAsync(() => _sink.Tries.Count >= 5);
        await TestServer.ExecuteAsync(
            $"""
            UPDATE {Outbox} SET parked_at = NULL, failures = 0, due_at = now();
            UPDATE {Outbox} SET lease_id = gen_random_uuid(), leased_until = now() + interval '1 hour' WHERE namespace = 'a' AND {IsAbout(Texts.Numbered(1))};
            """);

        _sink.OnDeliver = (_, _) => Task.FromResult(InsightDelivery.Delivered);
        await DispatchUntilAsync(() => _sink.Received.Count == 6);

        Assert.That(_sink.Received, Has.All.Property("Namespace").EqualTo("b"));
    }

    [Test]
    public async Task What_was_parked_by_one_short_process_after_another_is_delivered_when_the_sink_is_back()
    {
        await StoreAsync(2);
        _sink.OnDeliver = (_, _) => Task.FromResult(InsightDelivery.Unavailable("away"));
        await Eventually.TrueAsync(
            async () =>
            {
                await RunAsync();
                return (await QueuedAsync()).TrueForAll(one => one.State == QueuedInsightState.Parked);
            },
            "both are parked");

        _sink.OnDeliver = (_, _) => Task.FromResult(InsightDelivery.Delivered);
        await Eventually.TrueAsync(
            async () =>
            {
                await RunAsync();
                return _sink.Received.Count > 0;
            },
            "a process finds that the sink is back");

        Assert.That(await QueuedAsync(), Is.Empty, "and the first success brings all back");

        async Task RunAsync()
        {
            await using var process = NewStore(Quick, sinks: [_sink]);
            await process.DispatchPendingAsync();
        }
    }

    [Test]
    public async Task The_backlog_tells_what_waits_for_whom_and_for_how_long()
    {
        await using var other = NewStore(sinks: [new RecordingSink("gone")]);
        await other.StoreAsync(new NewMemory("for a sink that is not registered any more", MemoryType.Insight));
        await StoreAsync(3);
        _sink.OnDeliver = (insight, _) => Task.FromResult(
            insight.Content == Texts.Numbered(0) ? InsightDelivery.Refused("no") : InsightDelivery.Unavailable("not now"));
        await using var patient = NewStore(options => options.Insights.RetryDelay = TimeSpan.FromMinutes(1), sinks: [_sink]);
        await patient.DispatchPendingAsync();
        await TestServer.ExecuteAsync($"UPDATE {Outbox} SET queued_at = now() - interval '1 hour' WHERE sink = 'recording'");

        var backlog = await _store.GetInsightBacklogAsync();

        Assert.That(backlog.Select(one => (one.Sink, one.Pending, one.Parked)), Is.EqualTo(new[] { ("gone", 1L, 0L), ("recording", 2L, 1L) }));
        Assert.That(backlog[1].OldestAge, Is.EqualTo(TimeSpan.FromHours(1)).Within(TimeSpan.FromMinutes(1)));
    }

    internal static void Quick(UnifiedMemoryOptions options)
    {
        options.Insights.RetryDelay = TimeSpan.FromMilliseconds(10);
        options.Insights.MaxRetryDelay = TimeSpan.FromMilliseconds(40);
        options.Insights.MaxAttempts = 4;
        options.Insights.BreakDuration = TimeSpan.FromMilliseconds(500);
    }

    private async Task StoreAsync(int count, string @namespace = "default")
    {
        for (var i = 0; i < count; i++)
            await _store.StoreAsync(new NewMemory(Texts.Numbered(i), MemoryType.Insight) { Namespace = @namespace });
        await _store.GetInsightBacklogAsync(); // what has arrived is in the outbox then
    }

    private Task DispatchUntilAsync(Func<bool> condition) => DispatchUntilAsync(() => Task.FromResult(condition()));

    private Task DispatchUntilAsync(Func<Task<bool>> condition) => Eventually.TrueAsync(
        async () =>
        {
            await _store.DispatchPendingAsync();
            return await condition();
        },
        "it was delivered");

    private Task<List<QueuedInsight>> QueuedAsync() => ToListAsync(_store.ListQueuedInsightsAsync(new QueuedInsightFilter()));
}
