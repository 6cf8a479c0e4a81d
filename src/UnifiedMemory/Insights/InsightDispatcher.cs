using Microsoft.Extensions.Logging;
using UnifiedMemory.Monitoring;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Insights;

/// <summary>Delivers what is queued, to each sink by itself: one that hangs keeps no other one waiting, and no store call.</summary>
internal sealed class InsightDispatcher(
    InsightOutbox outbox, InsightFinder insights, IReadOnlyList<NamedSink> sinks, InsightOptions options, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan BacklogInterval = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(1);

    private readonly SinkQueue[] _queues = [.. sinks.Select(sink => new SinkQueue(outbox, insights, sink, options, time, logger))];

    private IReadOnlyList<string> _reported = [];

    public bool HasSinks => _queues.Length > 0;

    /// <summary>An insight was stored. Costs the caller nothing, and nobody is woken for a sink that is left alone for now.</summary>
    public void Wake()
    {
        foreach (var queue in _queues)
        {
            if (!queue.IsResting)
                queue.WakeUp.Set();
        }
    }

    /// <summary>Delivers to all sinks what is due now.</summary>
    public async Task<InsightDispatch> DispatchAsync(CancellationToken cancellationToken)
    {
        var tally = new DispatchTally();
        await Task.WhenAll(_queues.Select(queue => queue.DeliverDueAsync(tally, cancellationToken))).ConfigureAwait(false);
        return tally.Total;
    }

    /// <summary>Delivers until told to stop, and then what is still due, until told to abort.</summary>
    /// <param name="open">Makes sure that the store can be used.</param>
    /// <param name="stop">Ends waiting.</param>
    /// <param name="abort">Ends delivering.</param>
    public Task RunAsync(Func<CancellationToken, ValueTask> open, CancellationToken stop, CancellationToken abort) =>
        Task.WhenAll(_queues.Select(queue => RunAsync(queue, open, stop, abort)).Append(WatchBacklogAsync(open, stop)));

    /// <summary>What is queued, also for sinks that are not registered here; and the same as metrics.</summary>
    public async Task<IReadOnlyList<InsightBacklog>> GetBacklogAsync(CancellationToken cancellationToken)
    {
        var found = await outbox.BacklogAsync(cancellationToken).ConfigureAwait(false);
        IReadOnlyList<InsightBacklog> backlog =
        [
            .. found, .. _queues.Select(queue => queue.Name).Except(found.Select(one => one.Sink)).Select(Nothing),
        ];
        var names = backlog.Select(one => one.Sink).ToList();

        // A gauge keeps its last value, also when the rows of a sink that is not registered are gone.
        foreach (var one in backlog.Concat(_reported.Except(names).Select(Nothing)))
            StoreMetrics.RecordBacklog(outbox.Schema, one);
        _reported = names;
        return backlog;

        static InsightBacklog Nothing(string sink) => new(sink, 0, 0, TimeSpan.Zero);
    }

    private async Task RunAsync(SinkQueue queue, Func<CancellationToken, ValueTask> open, CancellationToken stop, CancellationToken abort)
    {
        while (!abort.IsCancellationRequested)
        {
            var stopping = stop.IsCancellationRequested;
            queue.WakeUp.Reset();
            TimeSpan? next = null;
            var failed = false;
            try
            {
                await open(abort).ConfigureAwait(false);
                next = await queue.DeliverDueAsync(new DispatchTally(), abort).ConfigureAwait(false);
            }
            catch (Exception exception) when (abort.IsCancellationRequested || exception is ObjectDisposedException)
            {
                return;
            }
            catch (Exception exception)
            {
                Log.DispatchFailed(logger, queue.Name, exception);
                failed = true;
            }

            if (stopping)
                return;
            var wait = next < options.PollInterval ? Max(next.Value, ShortestWait) : options.PollInterval;
            await UntilOrCancelledAsync(failed ? Task.Delay(PauseAfterFailure, time, stop) : queue.WakeUp.WaitAsync(wait, time, stop))
                .ConfigureAwait(false);
        }
    }

    private async Task WatchBacklogAsync(Func<CancellationToken, ValueTask> open, CancellationToken stop)
    {
        using var timer = new PeriodicTimer(BacklogInterval, time);
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await open(stop).ConfigureAwait(false);
                await GetBacklogAsync(stop).ConfigureAwait(false);
            }
            catch (Exception exception) when (stop.IsCancellationRequested || exception is ObjectDisposedException)
            {
                return;
            }
            catch (Exception)
            {
                // The deliveries say so.
            }

            await UntilOrCancelledAsync(timer.WaitForNextTickAsync(stop).AsTask()).ConfigureAwait(false);
        }
    }

    private static async Task UntilOrCancelledAsync(Task waiting)
    {
        try
        {
            await waiting.ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The loop looks at the token.
        }
    }

    private static TimeSpan Max(TimeSpan one, TimeSpan other) => one > other ? one : other;
}
