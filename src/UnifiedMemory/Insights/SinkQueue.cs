using Microsoft.Extensions.Logging;
using UnifiedMemory.Monitoring;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Insights;

/// <summary>The delivery to one sink: of each namespace that has something due, the first insights in their order.</summary>
internal sealed class SinkQueue(
    InsightOutbox outbox, InsightFinder insights, NamedSink sink, InsightOptions options, TimeProvider time, ILogger logger)
{
    private const int NamespacesAtOnce = 200;

    /// <summary>Times the attempts after which an insight is parked: from there on it stays so, whatever fails beside it.</summary>
    private const int RevivedUpTo = 2;

    private readonly SinkCircuit _circuit = new(sink, options, time, logger);

    private readonly SinkOutage _outage = new(options, time);

    public string Name => sink.Name;

    /// <summary>Whether nothing is delivered for a while; the loop knows until when.</summary>
    public bool IsResting => _circuit.OpenFor > TimeSpan.Zero;

    public WakeUp WakeUp { get; } = new();

    /// <summary>Delivers until nothing is due.</summary>
    /// <returns>When something is due next, as far as is known.</returns>
    public async Task<TimeSpan?> DeliverDueAsync(DispatchTally tally, CancellationToken cancellationToken)
    {
        var (progressed, next) = await PassAsync(tally, cancellationToken).ConfigureAwait(false);

        // With nothing else to try for long, nothing else would show that the sink is back.
        if (!progressed && !IsResting && !(next <= options.MaxRetryDelay))
            progressed = await outbox.ProbeAsync(sink.Name, options.MaxRetryDelay, cancellationToken).ConfigureAwait(false);
        while (progressed)
            (progressed, next) = await PassAsync(tally, cancellationToken).ConfigureAwait(false);
        return next;
    }

    /// <summary>Takes one run of each namespace, so that a long one does not keep the others waiting.</summary>
    private async Task<(bool Progressed, TimeSpan? Next)> PassAsync(DispatchTally tally, CancellationToken cancellationToken)
    {
        var progressed = false;
        TimeSpan? next = null;
        var after = "";
        while (true)
        {
            if (_circuit.OpenFor is var open && open > TimeSpan.Zero)
                return (false, open);
            var heads = await outbox.HeadsAsync(sink.Name, after, options.OrderedAttempts, NamespacesAtOnce, cancellationToken).ConfigureAwait(false);
            var due = heads.Where(head => head.WaitSeconds <= 0);
            if (!_circuit.IsClosed)
            {
                if (await TrialAsync(due, tally, cancellationToken).ConfigureAwait(false))
                    return (true, null);
            }
            else
            {
                // Not the loop's own token: a failure in one namespace would cut off what is sent in the others.
                await Parallel.ForEachAsync(
                    due,
                    new ParallelOptions { MaxDegreeOfParallelism = options.Parallelism, CancellationToken = cancellationToken },
                    async (head, _) =>
                    {
                        if (await RunAsync(head.Namespace, options.BatchSize, tally, cancellationToken).ConfigureAwait(false))
                            Volatile.Write(ref progressed, true);
                    }).ConfigureAwait(false);
            }

            if (heads.Where(head => head.WaitSeconds > 0).Min(head => head.WaitSeconds) is { } wait)
                next = next is { } known && known.TotalSeconds < wait ? known : TimeSpan.FromSeconds(Math.Min(wait, 86_400));
            if (heads.Count < NamespacesAtOnce)
                return (progressed, next);
            after = heads[^1].Namespace;
        }
    }

    /// <summary>One insight, to see whether the sink is back: of the first namespace that has one, what has failed often last.</summary>
    /// <returns>Whether there was one.</returns>
    private async Task<bool> TrialAsync(IEnumerable<NamespaceHead> due, DispatchTally tally, CancellationToken cancellationToken)
    {
        foreach (var head in due.OrderBy(head => head.Failures))
        {
            if (IsResting)
                return false;
            if (await RunAsync(head.Namespace, limit: 1, tally, cancellationToken).ConfigureAwait(false))
                return true;
        }

        return false;
    }

    /// <returns>Whether anything was decided.</returns>
    private async Task<bool> RunAsync(string name, int limit, DispatchTally tally, CancellationToken cancellationToken)
    {
        var lease = new Lease(Guid.NewGuid(), sink.Name, name, options.LeaseDuration);
        var claimed = time.GetTimestamp();
        List<QueuedRow> rows = [];
        var decided = 0;
        var tried = 0;
        var underWay = _circuit.RetryAfterCutOff;
        try
        {
            rows = await outbox.ClaimAsync(lease, options.OrderedAttempts, limit, cancellationToken).ConfigureAwait(false);
            while (decided < rows.Count)
            {
                // Those before it took their time: it may have been changed or deleted since it was claimed.
                var row = rows[decided];
                if (decided > 0)
                    row = await outbox.ClaimedAsync(lease, row.Id, cancellationToken).ConfigureAwait(false);
                if (row?.Memory is not { } memory)
                {
                    if (row is not null)
                    {
                        await outbox.DeliveredAsync(lease, row.Id, cancellationToken).ConfigureAwait(false);
                        Log.InsightGone(logger, row.Id, sink.Name);
                    }

                    tried = ++decided;
                    continue;
                }

                // No try that may be under way at the sink when the lease is over: another host would make it, too.
                if (time.GetElapsedTime(claimed) + options.DeliveryTimeout + _circuit.RetryAfterCutOff >= options.LeaseDuration)
                    break;
                cancellationToken.ThrowIfCancellationRequested();
                var wasOpen = !_circuit.IsClosed;
                tried = decided + 1;
                if (await _circuit.TryAsync(insights.ToInsight(row, memory), cancellationToken).ConfigureAwait(false) is not { } answer)
                {
                    tried = decided;
                    break;
                }

                underWay = answer.RetryAfter > underWay ? answer.RetryAfter : underWay;
                var passes = await RecordAsync(lease, row, answer, wasOpen, tally).ConfigureAwait(false);
                decided++;
                if (!passes)
                    break;
            }

            if (decided < rows.Count)
                await outbox.ReleaseAllAsync(lease, Ids(rows.Skip(decided)), TimeSpan.Zero, CancellationToken.None).ConfigureAwait(false);
            return decided > 0;
        }
        catch
        {
            // Also after a claim: it may have been committed. One that was being tried may still arrive.
            await GiveBackAsync(lease, Ids(rows.Skip(tried)), tried > decided ? underWay : TimeSpan.Zero).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Writes down what became of a try, also when the host is stopping.</summary>
    /// <returns>Whether the next of the namespace may be sent.</returns>
    private async Task<bool> RecordAsync(Lease lease, QueuedRow row, InsightDelivery answer, bool wasOpen, DispatchTally tally)
    {
        if (answer.Outcome == InsightOutcome.Delivered)
        {
            await outbox.DeliveredAsync(lease, row.Id, CancellationToken.None).ConfigureAwait(false);
            tally.Delivered(sink.Name);
            if (_outage.EndsWithSuccess()
                && await outbox.ReviveAsync(sink.Name, RevivedUpTo * options.MaxAttempts, CancellationToken.None).ConfigureAwait(false)
                    is > 0 and var revived)
                Log.InsightsRevived(logger, sink.Name, revived);
            return true;
        }

        var failures = row.Failures + 1;
        var isRefused = answer.Outcome == InsightOutcome.Refused;
        var park = isRefused || failures >= options.MaxAttempts;
        var inOutage = !isRefused && _outage.IncludesFailure(row.Id, wasOpen || !_circuit.IsClosed);
        var reason = string.IsNullOrWhiteSpace(answer.Reason) ? answer.Outcome.ToString() : answer.Reason;
        var delay = park ? TimeSpan.Zero : Backoff.After(failures, options, Random.Shared.NextDouble());
        if (delay < answer.RetryAfter)
            delay = answer.RetryAfter;
        await outbox.FailedAsync(lease, row.Id, new FailedTry(reason, delay, park, inOutage), CancellationToken.None).ConfigureAwait(false);
        tally.Failed(sink.Name, park);
        if (park && inOutage && failures < RevivedUpTo * options.MaxAttempts)
            Log.InsightParkedInOutage(logger, row.Id, sink.Name, row.Attempts, reason);
        else if (park)
            Log.InsightParked(logger, row.Id, sink.Name, row.Attempts, reason);
        else
            Log.DeliveryFailed(logger, row.Id, sink.Name, row.Attempts, reason);

        // One that fails may have taken all of the time-out, and the other namespaces wait for the end of the run.
        return isRefused;
    }

    /// <summary>After a failure, which is what the caller is to see.</summary>
    private async Task GiveBackAsync(Lease lease, Guid[] untried, TimeSpan retryAfter)
    {
        try
        {
            await outbox.ReleaseAllAsync(lease, untried, retryAfter, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            Log.LeaseNotReleased(logger, sink.Name, exception);
        }
    }

    private static Guid[] Ids(IEnumerable<QueuedRow> rows) => [.. rows.Select(row => row.Id)];
}
