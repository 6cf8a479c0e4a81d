using System.Runtime.CompilerServices;
using Npgsql;
using UnifiedMemory.Input;
using UnifiedMemory.Monitoring;

namespace UnifiedMemory;

public sealed partial class UnifiedMemoryStore
{
    private const int ListPageSize = 500;
    private const int PurgeBatchSize = 1000;

    /// <summary>Reads one memory.</summary>
    /// <param name="id">Its id, in any namespace.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns><c>null</c> when there is none, or it has expired.</returns>
    public Task<MemoryRecord?> GetAsync(Guid id, CancellationToken cancellationToken = default) =>
        Operation.RunAsync("get", async _ =>
        {
            await OpenAsync(cancellationToken).ConfigureAwait(false);
            return await _memories.GetAsync(id, cancellationToken).ConfigureAwait(false);
        });

    /// <summary>Changes one memory. It is embedded again only when its content is another.</summary>
    /// <param name="id">Its id, in any namespace.</param>
    /// <param name="update">What to change.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The memory as it is now, or <c>null</c> when there is none.</returns>
    /// <exception cref="ArgumentException">The update is not valid, or changes nothing.</exception>
    /// <exception cref="InvalidOperationException">Another memory of the same scope has that content already.</exception>
    public Task<MemoryRecord?> UpdateAsync(Guid id, MemoryUpdate update, CancellationToken cancellationToken = default)
    {
        MemoryRules.RequireUpdate(update, _options.MaxContentBytes);
        return Operation.RunAsync("update", async _ =>
        {
            await OpenAsync(cancellationToken).ConfigureAwait(false);
            float[]? vector = null;
            if (update.Content is { } content)
            {
                var stored = await _memories.GetContentHashAsync(id, cancellationToken).ConfigureAwait(false);
                if (stored is null)
                    return null;
                if (!stored.AsSpan().SequenceEqual(PreparedMemory.Hash(content)))
                    vector = await _embedder.EmbedAsync(content, EmbeddingPurpose.Document, cancellationToken).ConfigureAwait(false);
            }

            try
            {
                return await _memories.UpdateAsync(id, update, vector, cancellationToken).ConfigureAwait(false);
            }
            catch (UnifiedMemoryException exception) when (exception.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
            {
                throw new InvalidOperationException(
                    $"The memory {id} cannot take this content: another memory of the same namespace, type, agent, session and workflow "
                    + "has it already. Delete one of the two.", exception);
            }
        });
    }

    /// <summary>Deletes one memory.</summary>
    /// <param name="id">Its id, in any namespace.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>False when there was none.</returns>
    public Task<bool> DeleteAsync(Guid id, CancellationToken cancellationToken = default) =>
        Operation.RunAsync("delete", async _ =>
        {
            await OpenAsync(cancellationToken).ConfigureAwait(false);
            return await _memories.DeleteAsync(id, cancellationToken).ConfigureAwait(false);
        });

    /// <summary>Deletes every memory that fulfils the filter, in one transaction.</summary>
    /// <param name="filter">Which ones. A filter that sets nothing means all of the namespace <c>default</c>.</param>
    /// <param name="cancellationToken">Ends the call; then nothing is deleted.</param>
    /// <returns>How many were deleted.</returns>
    /// <exception cref="ArgumentException">The filter is not valid.</exception>
    public Task<long> DeleteManyAsync(MemoryFilter filter, CancellationToken cancellationToken = default)
    {
        MemoryRules.RequireFilter(filter);
        return Operation.RunAsync("delete_many", async _ =>
        {
            await OpenAsync(cancellationToken).ConfigureAwait(false);
            return await _memories.DeleteManyAsync(filter, cancellationToken).ConfigureAwait(false);
        });
    }

    /// <summary>Counts the memories that fulfil the filter.</summary>
    /// <param name="filter">Which ones.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="ArgumentException">The filter is not valid.</exception>
    public Task<long> CountAsync(MemoryFilter filter, CancellationToken cancellationToken = default)
    {
        MemoryRules.RequireFilter(filter);
        return Operation.RunAsync("count", async _ =>
        {
            await OpenAsync(cancellationToken).ConfigureAwait(false);
            return await _memories.CountAsync(filter, cancellationToken).ConfigureAwait(false);
        });
    }

    /// <summary>
    /// Streams the memories that fulfil the filter, by namespace and then in the order in which they were stored. Pages of 500
    /// are read as they are needed, and no connection is held between them.
    /// </summary>
    /// <param name="filter">Which ones.</param>
    /// <param name="cancellationToken">Ends the stream.</param>
    /// <exception cref="ArgumentException">The filter is not valid.</exception>
    public IAsyncEnumerable<MemoryRecord> ListAsync(MemoryFilter filter, CancellationToken cancellationToken = default)
    {
        MemoryRules.RequireFilter(filter);
        return PagesAsync(filter, cancellationToken);
    }

    /// <summary>Counts and sizes of the whole store.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    public Task<MemoryStatistics> GetStatisticsAsync(CancellationToken cancellationToken = default) =>
        Operation.RunAsync("statistics", async _ =>
        {
            await OpenAsync(cancellationToken).ConfigureAwait(false);
            return await _memories.GetStatisticsAsync(cancellationToken).ConfigureAwait(false);
        });

    /// <summary>
    /// Deletes the memories that have expired, in batches of 1,000. A host does it each
    /// <see cref="UnifiedMemoryOptions.PurgeInterval"/>.
    /// </summary>
    /// <param name="cancellationToken">Ends the call between two batches.</param>
    /// <returns>How many were deleted.</returns>
    public Task<long> PurgeExpiredAsync(CancellationToken cancellationToken = default) =>
        Operation.RunAsync("purge", async _ =>
        {
            await OpenAsync(cancellationToken).ConfigureAwait(false);
            var purged = 0L;
            int batch;
            do
            {
                batch = await _memories.PurgeAsync(PurgeBatchSize, cancellationToken).ConfigureAwait(false);
                purged += batch;
                StoreMetrics.Purged.Add(batch);
            }
            while (batch == PurgeBatchSize);

            if (purged > 0)
                Log.Purged(_logger, purged);
            return purged;
        });

    private async IAsyncEnumerable<MemoryRecord> PagesAsync(
        MemoryFilter filter, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await OpenAsync(cancellationToken).ConfigureAwait(false);
        MemoryRecord? last = null;
        while (true)
        {
            var page = await _memories.ListPageAsync(filter, last, ListPageSize, cancellationToken).ConfigureAwait(false);
            foreach (var memory in page)
                yield return memory;
            if (page.Count < ListPageSize)
                yield break;
            last = page[^1];
        }
    }
}
