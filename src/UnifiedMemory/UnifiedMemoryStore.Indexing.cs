using UnifiedMemory.Monitoring;

namespace UnifiedMemory;

public sealed partial class UnifiedMemoryStore
{
    /// <summary>
    /// Builds, rebuilds, repairs and tunes the vector indexes, while the store is in use: none below a threshold; then one on all memories,
    /// and one on each memory type that is a small part of them. An index is built beside the one that it replaces. The recall of each
    /// is measured with stored vectors, and searches get the effort that reaches <see cref="IndexMaintenanceOptions.TargetRecall"/>; where
    /// none does, the graph gets more links (<see cref="HnswOptions.M"/>), after 200 samples have made sure of it: 80 s at a million.
    /// A host does all this each <see cref="IndexMaintenanceOptions.Interval"/>; call it yourself after a load.
    /// </summary>
    /// <remarks>
    /// One process at a time does it for each schema; others wait. It needs a direct connection to the primary (no pooler) and the role
    /// that owns the tables. Measuring goes through the table once. At 768 dimensions that takes about 8 s for 100,000 memories, 10 s for a million and
    /// 100 s for ten million (by arithmetic, from 5 million distances in 2 s), and the searches through the index come on top. It is done
    /// again when a fifth of the memories has come or gone, when more effort is asked for, or after seven days.
    /// </remarks>
    /// <param name="progress">Told about twice a second what is under way.</param>
    /// <param name="cancellationToken">Ends the statement on the server, too. A build that is cut short leaves nothing behind.</param>
    /// <returns>What was done about each index, and why; <see cref="IndexAction.Failed"/> where the server refused it.</returns>
    /// <exception cref="UnifiedMemoryException">
    /// The database failed for all of them, the role does not own the tables, or there is a pooler in front of the server.
    /// </exception>
    public Task<IndexReport> MaintainIndexesAsync(
        IProgress<IndexProgress>? progress = null, CancellationToken cancellationToken = default) =>
        MaintainAsync(() => _indexes.MaintainAsync(progress, cancellationToken), cancellationToken);

    /// <summary>The same for a host, which leaves it to whoever is at it already.</summary>
    /// <returns><c>null</c> when another process is.</returns>
    internal Task<IndexReport?> TryMaintainIndexesAsync(CancellationToken cancellationToken) =>
        MaintainAsync(() => _indexes.TryMaintainAsync(cancellationToken), cancellationToken);

    private Task<TReport> MaintainAsync<TReport>(Func<Task<TReport>> maintain, CancellationToken cancellationToken) =>
        Operation.RunAsync("maintain_indexes", async _ =>
        {
            await OpenAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                return await maintain().ConfigureAwait(false);
            }
            finally
            {
                // Searches of this store use what was built from now on; those of other hosts within half a minute.
                _scopes.Forget();
            }
        });
}
