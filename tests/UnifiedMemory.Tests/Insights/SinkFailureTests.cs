using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using UnifiedMemory.Insights;

namespace UnifiedMemory.Tests.Insights;

/// <summary>When a sink counts as away, and what the loops do about failures, by a clock of their own.</summary>
public sealed class SinkFailureTests
{
    private readonly FakeTimeProvider _time = new();

    [Test]
    public void The_first_one_that_fails_belongs_to_the_outage_as_soon_as_others_fail()
    {
        var outage = new SinkOutage(new InsightOptions(), _time);
        var (first, second) = (Guid.NewGuid(), Guid.NewGuid());
        outage.EndsWithSuccess();

        Assert.That(outage.IncludesFailure(first, isOpen: false), Is.False);
        Assert.That(outage.IncludesFailure(second, isOpen: false), Is.True);
        Assert.That(outage.IncludesFailure(first, isOpen: false), Is.True);
        outage.EndsWithSuccess();
        Assert.That(outage.IncludesFailure(first, isOpen: false), Is.False);
    }

    [Test]
    public void Nobody_is_to_blame_before_the_first_success_and_long_after_the_last()
    {
        var options = new InsightOptions();
        var outage = new SinkOutage(options, _time);
        var id = Guid.NewGuid();

        Assert.That(outage.IncludesFailure(id, isOpen: false), Is.True, "the sink may have been away when the process started");
        outage.EndsWithSuccess();
        Assert.That(outage.IncludesFailure(id, isOpen: false), Is.False);
        _time.Advance(options.BreakDuration);
        Assert.That(outage.IncludesFailure(id, isOpen: false), Is.True);
        Assert.That(outage.EndsWithSuccess(), "and so it is revived");
    }

    [Test]
    public async Task Time_outs_one_after_the_other_open_the_circuit()
    {
        var sink = new RecordingSink { OnDeliver = ForeverAsync };
        var options = new InsightOptions();
        var circuit = new SinkCircuit(new NamedSink("hangs", sink), options, _time, NullLogger.Instance);
        for (var i = 0; i < 5; i++)
        {
            Assert.That(circuit.IsClosed);
            var tried = circuit.TryAsync(NewInsight(), CancellationToken.None);
            _time.Advance(options.DeliveryTimeout);
            Assert.That((await tried)?.Outcome, Is.EqualTo(InsightOutcome.Unavailable));
            Assert.That((await tried)?.RetryAfter, Is.EqualTo(2 * options.DeliveryTimeout), "it may arrive yet");
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.That(circuit.IsClosed, Is.False);

        static async Task<InsightDelivery> ForeverAsync(Insight insight, CancellationToken token)
        {
            await Task.Delay(Timeout.Infinite, token);
            return InsightDelivery.Delivered;
        }
    }

    [Test]
    public async Task A_sink_that_does_not_listen_is_called_again_only_when_its_earlier_calls_have_ended()
    {
        var first = new TaskCompletionSource<InsightDelivery>();
        var sink = new RecordingSink { OnDeliver = (_, _) => first.Task };
        var options = new InsightOptions { Parallelism = 2 };
        var circuit = new SinkCircuit(new NamedSink("hangs", sink), options, _time, NullLogger.Instance);
        for (var i = 0; i < 2; i++)
        {
            var tried = circuit.TryAsync(NewInsight(), CancellationToken.None);
            _time.Advance(options.DeliveryTimeout);
            await tried;
        }

        var refused = await circuit.TryAsync(NewInsight(), CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(refused, Has.Property("Outcome").EqualTo(InsightOutcome.Unavailable).And.Property("Reason").Contains("busy"));
        Assert.That(sink.Tries, Has.Count.EqualTo(2));

        first.SetResult(InsightDelivery.Delivered);
        await Eventually.TrueAsync(
            async () => (await circuit.TryAsync(NewInsight(), CancellationToken.None))?.Outcome == InsightOutcome.Delivered, "it is called again");
    }

    [Test]
    public async Task A_sink_that_hangs_on_one_insight_for_good_is_called_once_for_it_and_goes_on_with_the_others()
    {
        var (bad, never) = (NewInsight(), new TaskCompletionSource<InsightDelivery>());
        var sink = new RecordingSink { OnDeliver = (insight, _) => insight.Id == bad.Id ? never.Task : Task.FromResult(InsightDelivery.Delivered) };
        var options = new InsightOptions { Parallelism = 1 };
        var circuit = new SinkCircuit(new NamedSink("hangs", sink), options, _time, NullLogger.Instance);
        var tried = circuit.TryAsync(bad, CancellationToken.None);
        _time.Advance(options.DeliveryTimeout);
        await tried;

        for (var i = 0; i < 3; i++)
        {
            Assert.That((await circuit.TryAsync(NewInsight(), CancellationToken.None))?.Outcome, Is.EqualTo(InsightOutcome.Delivered));
            Assert.That((await circuit.TryAsync(NewInsight(), CancellationToken.None))?.Outcome, Is.EqualTo(InsightOutcome.Delivered));
            Assert.That((await circuit.TryAsync(bad, CancellationToken.None))?.Reason, Does.Contain("busy"));
        }

        Assert.That(sink.Tries.Count(insight => insight.Id == bad.Id), Is.EqualTo(1));
    }

    [Test]
    public async Task The_backlog_is_watched_on_after_a_failure_of_any_kind()
    {
        var calls = 0;
        using var stop = new CancellationTokenSource();
        var running = new InsightDispatcher(null!, null!, [], new InsightOptions(), _time, NullLogger.Instance).RunAsync(Fail, stop.Token, stop.Token);

        await Eventually.TrueAsync(() => calls == 1, "it was tried");
        _time.Advance(TimeSpan.FromSeconds(30));
        await Eventually.TrueAsync(() => calls == 2, "it was tried again");

        await stop.CancelAsync();
        await running;

        ValueTask Fail(CancellationToken token)
        {
            calls++;
            throw new OperationCanceledException("the time-out of a provider");
        }
    }

    [Test]
    public async Task After_a_failure_deliveries_pause_whatever_is_stored_meanwhile()
    {
        var calls = 0;
        using var stop = new CancellationTokenSource();
        var dispatcher = new InsightDispatcher(
            null!, null!, [new NamedSink("recording", new RecordingSink())], new InsightOptions(), _time, NullLogger.Instance);
        var running = dispatcher.RunAsync(Fail, stop.Token, stop.Token);

        // The deliveries and the backlog.
        Assert.That(calls, Is.EqualTo(2));
        dispatcher.Wake();
        _time.Advance(TimeSpan.FromSeconds(14));
        await Task.Delay(200);
        Assert.That(calls, Is.EqualTo(2));
        _time.Advance(TimeSpan.FromSeconds(1));
        await Eventually.TrueAsync(() => calls == 3, "it goes on after the pause");

        await stop.CancelAsync();
        await running;

        ValueTask Fail(CancellationToken token)
        {
            Interlocked.Increment(ref calls);
            throw new UnifiedMemoryException("open", "down", isTransient: true);
        }
    }

    private static Insight NewInsight() => new(Guid.NewGuid(), "default", Texts.Good, InsightType.General, 1, DateTimeOffset.UnixEpoch);
}
