using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using UnifiedMemory.Embeddings;
using UnifiedMemory.Input;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Storing;

/// <summary>
/// The way of a memory into the table: looked for, so that what is known is not embedded again; embedded, while no connection
/// is held; inserted, where the database refuses what another caller was faster with; and looked for again then.
/// </summary>
internal sealed class MemoryWriter(MemoryTable table, Embedder embedder)
{
    private readonly ConcurrentDictionary<MemoryIdentity, TaskCompletionSource<StoredMemory>> _underWay = new();

    /// <summary>Writes one memory, or throws why it cannot be. Callers with the same memory wait for the first of them.</summary>
    public async Task<StoredMemory> WriteAsync(PreparedMemory memory, CancellationToken cancellationToken)
    {
        var mine = new TaskCompletionSource<StoredMemory>(TaskCreationOptions.RunContinuationsAsynchronously);
        while (true)
        {
            var first = _underWay.GetOrAdd(memory.Identity, mine);
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
                _underWay.TryRemove(memory.Identity, out _);
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
        var found = await table.FindAsync(memories, cancellationToken).ConfigureAwait(false);
        var missing = new List<int>();
        for (var i = 0; i < memories.Count; i++)
        {
            if (found[i] is { } id)
                results[i] = new StoredMemory(id, StoreOutcome.AlreadyStored);
            else
                missing.Add(i);
        }

        if (missing.Count == 0)
            return results;

        var embeddings = await embedder.EmbedManyAsync(
            [.. missing.Select(i => memories[i].Source.Content)], EmbeddingPurpose.Document, cancellationToken).ConfigureAwait(false);
        var embedded = new List<(int Index, (PreparedMemory Memory, float[] Vector) Item)>(missing.Count);
        for (var i = 0; i < missing.Count; i++)
        {
            if (embeddings[i].Vector is { } vector)
                embedded.Add((missing[i], (memories[missing[i]], vector)));
            else
                results[missing[i]] = Rejected(embeddings[i].Error!.Message);
        }

        var stored = await InsertIsolatingAsync([.. embedded.Select(one => one.Item)], cancellationToken).ConfigureAwait(false);
        for (var i = 0; i < embedded.Count; i++)
            results[embedded[i].Index] = stored[i];

        // What was embedded is stored; what was not for a reason that is not its own must not pass for rejected.
        if (embeddings.FirstOrDefault(one => one.Error is not (null or EmbeddingRejectedException)).Error is { } outage)
            ExceptionDispatchInfo.Throw(outage);
        return results;
    }

    /// <summary>Writes a batch whose vectors are known and checked.</summary>
    /// <exception cref="UnifiedMemoryException">The database failed for the whole batch.</exception>
    public async Task<StoredMemory[]> WriteKnownAsync(
        IReadOnlyList<(PreparedMemory Memory, float[] Vector)> items, CancellationToken cancellationToken)
    {
        if (items.Count == 0)
            return [];
        var found = await table.FindAsync([.. items.Select(item => item.Memory)], cancellationToken).ConfigureAwait(false);
        var missing = Enumerable.Range(0, items.Count).Where(i => found[i] is null).ToList();
        var stored = await InsertIsolatingAsync([.. missing.Select(i => items[i])], cancellationToken).ConfigureAwait(false);
        var results = Array.ConvertAll(found, id => new StoredMemory(id ?? Guid.Empty, StoreOutcome.AlreadyStored));
        for (var position = 0; position < missing.Count; position++)
            results[missing[position]] = stored[position];
        return results;
    }

    public static StoredMemory Rejected(string reason) => new(Guid.Empty, StoreOutcome.Rejected, reason);

    private async Task<StoredMemory> WriteFirstAsync(PreparedMemory memory, CancellationToken cancellationToken)
    {
        if ((await table.FindAsync([memory], cancellationToken).ConfigureAwait(false))[0] is { } id)
            return new StoredMemory(id, StoreOutcome.AlreadyStored);

        var vector = await embedder.EmbedAsync(memory.Source.Content, EmbeddingPurpose.Document, cancellationToken).ConfigureAwait(false);
        return (await InsertAsync([(memory, vector)], cancellationToken).ConfigureAwait(false))[0];
    }

    /// <summary>Halves a batch that the database refuses for the data in it, until the memory to blame stands alone.</summary>
    private async Task<StoredMemory[]> InsertIsolatingAsync(
        IReadOnlyList<(PreparedMemory Memory, float[] Vector)> items, CancellationToken cancellationToken)
    {
        if (items.Count == 0)
            return [];
        try
        {
            return await InsertAsync(items, cancellationToken).ConfigureAwait(false);
        }
        catch (UnifiedMemoryException exception) when (BlamesData(exception))
        {
            if (items.Count == 1)
                return [Rejected(exception.Message)];
        }

        var half = items.Count / 2;
        return
        [
            .. await InsertIsolatingAsync([.. items.Take(half)], cancellationToken).ConfigureAwait(false),
            .. await InsertIsolatingAsync([.. items.Skip(half)], cancellationToken).ConfigureAwait(false),
        ];
    }

    private async Task<StoredMemory[]> InsertAsync(
        IReadOnlyList<(PreparedMemory Memory, float[] Vector)> items, CancellationToken cancellationToken)
    {
        var results = new StoredMemory[items.Count];
        var open = Enumerable.Range(0, items.Count).ToList();
        while (open.Count > 0)
        {
            var created = await table.InsertAsync([.. open.Select(i => items[i])], cancellationToken).ConfigureAwait(false);
            var refused = open.Where((_, position) => !created[position]).ToList();
            foreach (var i in open.Except(refused))
                results[i] = new StoredMemory(items[i].Memory.Id, StoreOutcome.Created);
            if (refused.Count == 0)
                break;

            // The id that is there is our own when an attempt was committed and its answer got lost.
            var found = await table.FindAsync([.. refused.Select(i => items[i].Memory)], cancellationToken).ConfigureAwait(false);
            for (var position = 0; position < refused.Count; position++)
            {
                var i = refused[position];
                if (found[position] is { } id)
                    results[i] = new StoredMemory(id, id == items[i].Memory.Id ? StoreOutcome.Created : StoreOutcome.AlreadyStored);
            }

            // Neither inserted nor there: it was deleted or expired in between.
            open = [.. refused.Where(i => results[i] is null)];
        }

        return results;
    }

    /// <summary>Class 22, data exception; 23, a constraint; 54, a limit of the server.</summary>
    private static bool BlamesData(UnifiedMemoryException exception) =>
        exception.SqlState is ['2', '2' or '3', ..] or ['5', '4', ..];
}
