using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;
using UnifiedMemory.Embeddings;
using UnifiedMemory.Input;
using UnifiedMemory.Insights;
using UnifiedMemory.Monitoring;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Storing;

/// <summary>
/// The way of a memory into the table: looked for, so that what is known is not embedded again; embedded, while no connection
/// is held; inserted, where the database refuses what another caller was faster with; and looked for again then. The insights in it
/// go with it, in the same round trips and the same transaction.
/// </summary>
internal sealed partial class MemoryWriter(MemoryTable table, Embedder embedder, ILogger logger)
{
    private readonly ConcurrentDictionary<(MemoryIdentity, bool IsMarked), TaskCompletionSource<StoredMemory>> _underWay = new();

    /// <summary>Writes one memory, or throws why it cannot be. Callers with the same memory wait for the first of them.</summary>
    public async Task<StoredMemory> WriteAsync(PreparedMemory memory, CancellationToken cancellationToken)
    {
        var key = (memory.Identity, memory.IsMarked);
        var mine = new TaskCompletionSource<StoredMemory>(TaskCreationOptions.RunContinuationsAsynchronously);
        while (true)
        {
            var first = _underWay.GetOrAdd(key, mine);
            if (first == mine)
                break;
            try
            {
                var stored = await first.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
                return stored with { Outcome = StoreOutcome.AlreadyStored };
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                // The first one gave up; that is not for the others to suffer. One of them is the first now.
            }
        }

        try
        {
            StoredMemory stored;
            try
            {
                stored = await WriteFirstAsync(memory, cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                // Before the others are told, so that one who goes on is not given this attempt again.
                _underWay.TryRemove(key, out _);
            }

            mine.SetResult(stored);
            return stored;
        }
        catch (OperationCanceledException)
        {
            mine.SetCanceled(CancellationToken.None);
            throw;
        }
        catch (Exception exception)
        {
            mine.SetException(exception);
            _ = mine.Task.Exception; // observed: there may be nobody else who waits
            throw;
        }
    }

    /// <summary>Writes a batch. What cannot be stored is rejected with its reason, and the others are stored.</summary>
    /// <exception cref="UnifiedMemoryException">The database or the embedding service failed for the whole batch.</exception>
    public async Task<StoredMemory[]> WriteAsync(IReadOnlyList<PreparedMemory> memories, CancellationToken cancellationToken)
    {
        if (memories.Count == 0)
            return [];
        var results = new StoredMemory[memories.Count];
        var units = await FindMissingAsync(memories, results, cancellationToken).ConfigureAwait(false);
        if (units.Count == 0)
            return results;

        var embeddings = await EmbedAsync(units, cancellationToken).ConfigureAwait(false);
        var embedded = new List<WriteUnit>(units.Count);
        foreach (var unit in units)
        {
            if (unit.Memory is { } memory && embeddings[memory.Source.Content].Error is EmbeddingRejectedException rejection)
                results[unit.Index] = Rejected(rejection.Message);
            else if (OutageOf(unit, embeddings) is null)
                embedded.Add(unit);
        }

        await InsertIsolatingAsync(embedded, embeddings, results, cancellationToken).ConfigureAwait(false);

        // What was embedded is stored; what was not for a reason that is not its own must not pass for rejected.
        if (units.Select(unit => OutageOf(unit, embeddings)).FirstOrDefault(outage => outage is not null) is { } first)
            ExceptionDispatchInfo.Throw(first);
        return results;
    }

    /// <summary>Writes a batch whose vectors are known and checked.</summary>
    /// <exception cref="UnifiedMemoryException">The database failed for the whole batch.</exception>
    public async Task<StoredMemory[]> WriteKnownAsync(
        IReadOnlyList<(PreparedMemory Memory, float[] Vector)> items, CancellationToken cancellationToken)
    {
        if (items.Count == 0)
            return [];
        var results = new StoredMemory[items.Count];
        var units = await FindMissingAsync([.. items.Select(item => item.Memory)], results, cancellationToken).ConfigureAwait(false);
        var embeddings = items.DistinctBy(item => item.Memory.Source.Content, StringComparer.Ordinal).ToDictionary(
            item => item.Memory.Source.Content, item => new EmbeddingResult(item.Vector, null), StringComparer.Ordinal);
        await InsertIsolatingAsync(units, embeddings, results, cancellationToken).ConfigureAwait(false);
        return results;
    }

    public static StoredMemory Rejected(string reason) => new(Guid.Empty, StoreOutcome.Rejected, reason);

    /// <summary>The insights with their vectors, but those that cannot be embedded, which are logged.</summary>
    public async Task<IReadOnlyList<(PreparedMemory Memory, float[] Vector)>> EmbedInsightsAsync(
        IReadOnlyList<PreparedMemory> insights, CancellationToken cancellationToken)
    {
        if (insights.Count == 0)
            return [];
        var unit = new WriteUnit(0, null, insights);
        var embeddings = await EmbedAsync([unit], cancellationToken).ConfigureAwait(false);
        if (OutageOf(unit, embeddings) is { } outage)
            ExceptionDispatchInfo.Throw(outage);
        return WithVectors([unit], embeddings);
    }

    private async Task<StoredMemory> WriteFirstAsync(PreparedMemory memory, CancellationToken cancellationToken)
    {
        var results = new StoredMemory[1];
        var units = await FindMissingAsync([memory], results, cancellationToken).ConfigureAwait(false);
        if (units.Count == 0)
            return results[0];

        var embeddings = await EmbedAsync(units, cancellationToken).ConfigureAwait(false);
        if (units[0].Memory is not null && embeddings[memory.Source.Content].Error is { } error)
            ExceptionDispatchInfo.Throw(error);
        if (OutageOf(units[0], embeddings) is { } outage)
            ExceptionDispatchInfo.Throw(outage);
        await InsertAsync(units, embeddings, results, cancellationToken).ConfigureAwait(false);
        return results[0];
    }

    /// <summary>
    /// What is not there. Insights in a memory that is there were written with it; one that the host has deleted since does not come
    /// back. Only what is marked may have got its mark later.
    /// </summary>
    private async Task<List<WriteUnit>> FindMissingAsync(
        IReadOnlyList<PreparedMemory> memories, StoredMemory[] results, CancellationToken cancellationToken)
    {
        var all = memories.SelectMany(memory => memory.Found.Prepend(memory)).ToList();
        var found = await table.FindAsync(all, cancellationToken).ConfigureAwait(false);
        var units = new List<WriteUnit>();
        var position = 0;
        for (var i = 0; i < memories.Count; i++)
        {
            var memory = memories[i];
            var id = found[position++];
            var insights = memory.Found.Where(_ => found[position++] is null).ToList();
            if (id is null)
            {
                units.Add(new WriteUnit(i, memory, insights));
                continue;
            }

            results[i] = new StoredMemory(id.Value, StoreOutcome.AlreadyStored);
            if (memory.IsMarked && insights.Count > 0)
                units.Add(new WriteUnit(i, null, [.. insights.Select(insight => InsightFinder.Link(insight, id.Value))]));
        }

        return units;
    }

    /// <summary>Each text once: an insight may be the whole of its memory.</summary>
    private async Task<Dictionary<string, EmbeddingResult>> EmbedAsync(IReadOnlyList<WriteUnit> units, CancellationToken cancellationToken)
    {
        var texts = units.SelectMany(unit => unit.All).Select(memory => memory.Source.Content).Distinct(StringComparer.Ordinal).ToList();
        var embeddings = await embedder.EmbedManyAsync(texts, EmbeddingPurpose.Document, cancellationToken).ConfigureAwait(false);
        return texts.Zip(embeddings).ToDictionary(pair => pair.First, pair => pair.Second, StringComparer.Ordinal);
    }

    /// <summary>Why the unit has to wait for another call: without one of its insights it would be stored for good.</summary>
    private static UnifiedMemoryException? OutageOf(WriteUnit unit, Dictionary<string, EmbeddingResult> embeddings) =>
        unit.All.Select(memory => embeddings[memory.Source.Content].Error).FirstOrDefault(error => error is not (null or EmbeddingRejectedException));

    private List<(PreparedMemory Memory, float[] Vector)> WithVectors(
        IEnumerable<WriteUnit> units, Dictionary<string, EmbeddingResult> embeddings)
    {
        var items = new List<(PreparedMemory, float[])>();
        foreach (var memory in units.SelectMany(unit => unit.All))
        {
            var (vector, error) = embeddings[memory.Source.Content];
            if (vector is not null)
                items.Add((memory, vector));
            else
                Log.InsightNotEmbedded(logger, memory.Insight?.SourceId ?? memory.Id, error!.GetType().Name);
        }

        return items;
    }
}
