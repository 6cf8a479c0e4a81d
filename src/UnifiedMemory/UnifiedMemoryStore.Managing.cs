using System.Runtime.CompilerServices;
using Npgsql;
using UnifiedMemory.Input;
using UnifiedMemory.Monitoring;
using UnifiedMemory.Postgres;

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

    /// <summary>
    /// Changes one memory. It is embedded again only when its content is another; insights in new content are stored as with
    /// <c>StoreAsync</c>. An insight that is not delivered yet is delivered with its new content; one that is, or that a sink has just been
    /// given, stays with the sinks as it was.
    /// </summary>
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
            return update.Content is null
                ? await _memories.UpdateAsync(id, update, content: null, expectedHash: null, cancellationToken).ConfigureAwait(false)
                : await UpdateContentAsync(id, update, PreparedMemory.Hash(update.Content), cancellationToken).ConfigureAwait(false);
        });
    }

    /// <summary>Deletes one memory. An insight that is not delivered yet is withdrawn. Insights found in the memory stay.</summary>
    /// <param name="id">Its id, in any namespace.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>False when there was none.</returns>
    public Task<bool> DeleteAsync(Guid id, CancellationToken cancellationToken = default) =>
        Operation.RunAsync("delete", async _ =>
        {
            await OpenAsync(cancellationToken).ConfigureAwait(false);
            return await _memories.DeleteAsync(id, cancellationToken).ConfigureAwait(false);
        });

    /// <summary>Deletes every memory that fulfils the filter, in one transaction. Insights that are not delivered yet are withdrawn.</summary>
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

            // The arrivals have no index: the fewer there are, the less it takes to compare them with what is deleted.
            await _outbox.AdmitAsync(cancellationToken).ConfigureAwait(false);
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
    /// Streams the memories that fulfil the filter, by namespace and id, which is roughly the order in which they were stored.
    /// Pages of 500 are read as they are needed, and no connection is held between them.
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
    /// <see cref="UnifiedMemoryOptions.PurgeInterval"/>. Those whose insights are not delivered yet stay until they are, or are given up.
    /// </summary>
    /// <param name="cancellationToken">Ends the call between two batches.</param>
    /// <returns>How many were deleted.</returns>
    public Task<long> PurgeExpiredAsync(CancellationToken cancellationToken = default) =>
        Operation.RunAsync("purge", async _ =>
        {
            await OpenAsync(cancellationToken).ConfigureAwait(false);

            // The arrivals have no index; of those in the outbox one tells whether they wait.
            await _outbox.AdmitAsync(cancellationToken).ConfigureAwait(false);
            var purged = 0L;
            long batch;
            do
            {
                batch = await _memories.PurgeAsync(PurgeBatchSize, cancellationToken).ConfigureAwait(false);
                purged += batch;
                StoreMetrics.Purged.Add(batch);
            }
            while (batch >= PurgeBatchSize); // more, with what an attempt deleted whose answer got lost

            if (purged > 0)
                Log.Purged(_logger, purged);
            return purged;
        });

    private async Task<MemoryRecord?> UpdateContentAsync(Guid id, MemoryUpdate update, byte[] hash, CancellationToken cancellationToken)
    {
        while (await _memories.GetIdentityAsync(id, cancellationToken).ConfigureAwait(false) is { } stored)
        {
            if (stored.ContentHash.AsSpan().SequenceEqual(hash))
            {
                // Again from the start when somebody else changed the content in between.
                if (await _memories.UpdateAsync(id, update, content: null, hash, cancellationToken).ConfigureAwait(false) is { } unchanged)
                    return unchanged;
                continue;
            }

            var vector = await _embedder.EmbedAsync(update.Content!, EmbeddingPurpose.Document, cancellationToken).ConfigureAwait(false);
            var found = await EmbedInsightsAsync(id, stored, update, cancellationToken).ConfigureAwait(false);
            var content = new NewContent(hash, stored.With(hash), vector, found);
            try
            {
                var updated = await _memories.UpdateAsync(id, update, content, expectedHash: null, cancellationToken).ConfigureAwait(false);
                if (found.Count > 0)
                    _dispatcher.Wake();
                return updated;
            }
            catch (UnifiedMemoryException exception) when (exception.SqlState == PostgresErrorCodes.UniqueViolation)
            {
                if (await _memories.SetExpiredAsideAsync(content.Identity, cancellationToken).ConfigureAwait(false))
                    continue;
                throw new InvalidOperationException(
                    $"The memory {id} cannot take this content: another memory of the same namespace, type, agent, session and workflow "
                    + "has it already. Delete one of the two.", exception);
            }
        }

        return null;
    }

    private Task<IReadOnlyList<(PreparedMemory Memory, float[] Vector)>> EmbedInsightsAsync(
        Guid id, StoredIdentity stored, MemoryUpdate update, CancellationToken cancellationToken)
    {
        var memory = stored.With(update);
        var now = _time.GetUtcNow();
        return _writer.EmbedInsightsAsync(
            memory.Type == MemoryType.Insight ? [] : _insights.FindIn(new ReceivedMemory(memory, id, now), MemoryIds.Shared.Next(now)), cancellationToken);
    }

    private async IAsyncEnumerable<MemoryRecord> PagesAsync(
        MemoryFilter filter, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await OpenAsync(cancellationToken).ConfigureAwait(false);
        MemoryRecord? last = null;
        while (true)
        {
            var after = last;
            var page = await Operation.RunAsync(
                "list", _ => _memories.ListPageAsync(filter, after, ListPageSize, cancellationToken)).ConfigureAwait(false);
            foreach (var memory in page)
                yield return memory;
            if (page.Count < ListPageSize)
                yield break;
            last = page[^1];
        }
    }
}
