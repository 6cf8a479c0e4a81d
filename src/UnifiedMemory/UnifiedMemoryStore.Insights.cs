using System.Runtime.CompilerServices;
using UnifiedMemory.Input;
using UnifiedMemory.Monitoring;
using UnifiedMemory.Postgres;

namespace UnifiedMemory;

public sealed partial class UnifiedMemoryStore
{
    /// <summary>
    /// Delivers the insights that are due to the sinks of this store, and returns when none is left that is due. A host does it in the
    /// background; this is for programs without one. Several hosts and calls share the work safely. Left are those that wait for their
    /// next try, that another host is delivering, and those for a sink whose circuit is open.
    /// </summary>
    /// <param name="cancellationToken">Ends the call. What a sink was just given counts as tried, and is delivered again later.</param>
    /// <returns>What was done.</returns>
    /// <exception cref="UnifiedMemoryException">The database failed. What a sink does is no failure of this call.</exception>
    public Task<InsightDispatch> DispatchPendingAsync(CancellationToken cancellationToken = default) =>
        Operation.RunAsync("dispatch_insights", async _ =>
        {
            await OpenAsync(cancellationToken).ConfigureAwait(false);
            return await _dispatcher.DispatchAsync(cancellationToken).ConfigureAwait(false);
        });

    /// <summary>
    /// How many insights each sink has not received yet, and for how long the oldest has waited: of the sinks of this store, and of
    /// others that something is queued for. A host reports the same as metrics each 30 s.
    /// </summary>
    /// <param name="cancellationToken">Ends the call.</param>
    public Task<IReadOnlyList<InsightBacklog>> GetInsightBacklogAsync(CancellationToken cancellationToken = default) =>
        Operation.RunAsync("insight_backlog", async _ =>
        {
            await OpenAsync(cancellationToken).ConfigureAwait(false);
            return await _dispatcher.GetBacklogAsync(cancellationToken).ConfigureAwait(false);
        });

    /// <summary>Streams the insights that are not delivered yet, by namespace, id and sink, with the last error of each.</summary>
    /// <param name="filter">Which ones.</param>
    /// <param name="cancellationToken">Ends the stream.</param>
    /// <exception cref="ArgumentException">A value of the filter is not allowed.</exception>
    public IAsyncEnumerable<QueuedInsight> ListQueuedInsightsAsync(QueuedInsightFilter filter, CancellationToken cancellationToken = default)
    {
        MemoryRules.RequireFilter(filter);
        return QueuedPagesAsync(filter, cancellationToken);
    }

    /// <summary>Queues parked insights again, as if they had never failed, once the wait that the sink asked for is over. Each takes its old place in the order.</summary>
    /// <param name="filter">Which ones; the pending among them stay as they are.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>How many were queued.</returns>
    /// <exception cref="ArgumentException">A value of the filter is not allowed; nothing was queued.</exception>
    public Task<long> RequeueInsightsAsync(QueuedInsightFilter filter, CancellationToken cancellationToken = default)
    {
        MemoryRules.RequireFilter(filter);
        return Operation.RunAsync("requeue_insights", async _ =>
        {
            await OpenAsync(cancellationToken).ConfigureAwait(false);
            var queued = await _outbox.RequeueAsync(filter, cancellationToken).ConfigureAwait(false);
            _dispatcher.Wake();
            return queued;
        });
    }

    /// <summary>
    /// Gives insights up for good that are not delivered yet, for example those for a sink that is not used any more. They stay in the store.
    /// </summary>
    /// <param name="filter">Which ones. A filter that sets nothing means all.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>How many were given up.</returns>
    /// <exception cref="ArgumentException">A value of the filter is not allowed; nothing was given up.</exception>
    public Task<long> DiscardQueuedInsightsAsync(QueuedInsightFilter filter, CancellationToken cancellationToken = default)
    {
        MemoryRules.RequireFilter(filter);
        return Operation.RunAsync("discard_insights", async _ =>
        {
            await OpenAsync(cancellationToken).ConfigureAwait(false);
            return await _outbox.DiscardAsync(filter, cancellationToken).ConfigureAwait(false);
        });
    }

    /// <summary>What a host does in the background.</summary>
    internal Task RunDispatcherAsync(CancellationToken stop, CancellationToken abort) =>
        _dispatcher.HasSinks ? _dispatcher.RunAsync(OpenAsync, stop, abort) : Task.CompletedTask;

    /// <summary>Tells the dispatcher when there may be something for it.</summary>
    private void WakeDispatcher(PreparedMemory memory)
    {
        if (memory.IsForSinks || memory.Found.Count > 0)
            _dispatcher.Wake();
    }

    private async IAsyncEnumerable<QueuedInsight> QueuedPagesAsync(
        QueuedInsightFilter filter, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await OpenAsync(cancellationToken).ConfigureAwait(false);
        QueuedRow? last = null;
        while (true)
        {
            var after = last;
            var page = await Operation.RunAsync(
                "list_insights", _ => _outbox.ListPageAsync(filter, after, ListPageSize, cancellationToken)).ConfigureAwait(false);
            foreach (var row in page)
            {
                if (row.Memory is { } memory)
                    yield return _insights.ToQueued(row, memory);
            }

            if (page.Count < ListPageSize)
                yield break;
            last = page[^1];
        }
    }
}
