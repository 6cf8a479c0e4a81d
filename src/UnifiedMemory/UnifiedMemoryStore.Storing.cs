using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using UnifiedMemory.Input;
using UnifiedMemory.Monitoring;
using UnifiedMemory.Storing;

namespace UnifiedMemory;

public sealed partial class UnifiedMemoryStore
{
    /// <summary>While two batches are written, the next is looked for and embedded.</summary>
    private const int BatchesUnderWay = 3;

    /// <summary>A batch ends early at this many characters, so that large memories do not add up.</summary>
    private const int MaxBatchCharacters = 4 * 1024 * 1024;

    /// <summary>
    /// Stores one memory. The same memory again returns the id of the first and is not embedded, also when a thousand callers
    /// store it at the same time. A call that was cut off in the middle of its commit ends stored exactly once.
    /// Insights in it are stored with it as memories of type <see cref="MemoryType.Insight"/>, whose metadata names it:
    /// <c>MetadataFilter.Field("insight", "source").EqualTo(id.ToString())</c> finds them. Insights are queued for the sinks in the same
    /// transaction; no call waits for a sink.
    /// </summary>
    /// <param name="memory">What to remember.</param>
    /// <param name="cancellationToken">Ends the call; the memory may be stored nevertheless.</param>
    /// <returns>The id, and whether it is new.</returns>
    /// <exception cref="ArgumentException">The memory is not valid.</exception>
    /// <exception cref="EmbeddingRejectedException">The content cannot be embedded.</exception>
    /// <exception cref="UnifiedMemoryException">The database or the embedding service failed.</exception>
    public Task<StoredMemory> StoreAsync(NewMemory memory, CancellationToken cancellationToken = default)
    {
        var prepared = _insights.Prepare(ReceivedMemory.Receive(memory, _time));
        return Operation.RunAsync("store", async operation =>
        {
            await OpenAsync(cancellationToken).ConfigureAwait(false);
            var stored = await _writer.WriteAsync(prepared, cancellationToken).ConfigureAwait(false);
            WakeDispatcher(prepared);
            StoreMetrics.RecordStored(stored.Outcome);
            operation.Set("unifiedmemory.store.outcome", stored.Outcome.ToString());
            return stored;
        });
    }

    /// <inheritdoc cref="StoreManyAsync(IAsyncEnumerable{NewMemory}, IProgress{StoreProgress}?, CancellationToken)"/>
    public Task<IReadOnlyList<StoredMemory>> StoreManyAsync(
        IEnumerable<NewMemory> memories, IProgress<StoreProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(memories);
        return StoreManyAsync(memories.ToAsyncEnumerable(), progress, cancellationToken);
    }

    /// <summary>
    /// Stores many memories. They are read as they are needed, at most three batches at a time are held, and each batch is
    /// embedded and written as a whole. A memory that cannot be stored is rejected with its reason, and the others are in.
    /// After a failure or a killed process the same call can be made again: what is stored is found and not embedded again.
    /// </summary>
    /// <param name="memories">What to remember, any number.</param>
    /// <param name="progress">Told after each batch.</param>
    /// <param name="cancellationToken">Ends the call; the batches that are written stay.</param>
    /// <returns>A result for each memory, in their order.</returns>
    /// <exception cref="UnifiedMemoryException">The database or the embedding service failed. What was written before stays.</exception>
    public Task<IReadOnlyList<StoredMemory>> StoreManyAsync(
        IAsyncEnumerable<NewMemory> memories, IProgress<StoreProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(memories);
        return Operation.RunAsync<IReadOnlyList<StoredMemory>>("store_many", async operation =>
        {
            await OpenAsync(cancellationToken).ConfigureAwait(false);
            var results = new ConcurrentDictionary<int, StoredMemory[]>();
            var tally = new StoreTally(progress);
            var parallel = new ParallelOptions { MaxDegreeOfParallelism = BatchesUnderWay, CancellationToken = cancellationToken };
            await Parallel.ForEachAsync(BatchesOf(memories, cancellationToken), parallel, async (batch, token) =>
            {
                var stored = await StoreBatchAsync(batch.Memories, token).ConfigureAwait(false);
                results[batch.Number] = stored;
                tally.Add(stored);
            }).ConfigureAwait(false);

            var total = tally.Total;
            Log.StoredMany(_logger, total.Created, total.AlreadyStored, total.Rejected);
            operation.Set("unifiedmemory.store.memories", total.Processed);
            return [.. Enumerable.Range(0, results.Count).SelectMany(number => results[number])];
        });
    }

    private async Task<StoredMemory[]> StoreBatchAsync(IReadOnlyList<ReceivedMemory> memories, CancellationToken cancellationToken)
    {
        var results = new StoredMemory[memories.Count];
        var valid = new List<(int Index, PreparedMemory Memory)>(memories.Count);
        for (var i = 0; i < memories.Count; i++)
        {
            try
            {
                valid.Add((i, _insights.Prepare(memories[i])));
            }
            catch (ArgumentException exception)
            {
                results[i] = MemoryWriter.Rejected(exception.Message);
            }
        }

        var written = await _writer.WriteAsync([.. valid.Select(one => one.Memory)], cancellationToken).ConfigureAwait(false);
        for (var i = 0; i < valid.Count; i++)
        {
            results[valid[i].Index] = written[i];
            WakeDispatcher(valid[i].Memory);
        }

        return results;
    }

    /// <summary>Batches in the order given. Ids are made here, as batches are under way side by side afterwards.</summary>
    private async IAsyncEnumerable<(int Number, IReadOnlyList<ReceivedMemory> Memories)> BatchesOf(
        IAsyncEnumerable<NewMemory> memories, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var number = 0;
        var characters = 0L;
        var batch = new List<ReceivedMemory>(_options.StoreBatchSize);
        await foreach (var memory in memories.WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            batch.Add(ReceivedMemory.Receive(memory, _time));
            characters += memory?.Content?.Length ?? 0;
            if (batch.Count < _options.StoreBatchSize && characters < MaxBatchCharacters)
                continue;
            yield return (number++, batch);
            batch = new List<ReceivedMemory>(_options.StoreBatchSize);
            characters = 0;
        }

        if (batch.Count > 0)
            yield return (number, batch);
    }
}
