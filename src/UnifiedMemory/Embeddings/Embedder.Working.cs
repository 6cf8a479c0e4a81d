namespace UnifiedMemory.Embeddings;

internal sealed partial class Embedder
{
    // Texts that fail alone, with no success before them, until the rest of their batch is given up: the service is failing
    // then, not the texts.
    private const int LonelyFailuresOfAnOutage = 3;

    /// <summary>Under the lock: as many workers as there is work for, up to the limit. They end with the work.</summary>
    private void StartWorkers()
    {
        var wanted = Math.Min(_queries.Count + _documents.Count, Math.Max(1, _limits.MaxConcurrentCalls) - _workers);
        for (; wanted > 0; wanted--)
        {
            _workers++;
            // Unsafe: a worker serves many callers, so it must not inherit the context of the one who woke it.
            ThreadPool.UnsafeQueueUserWorkItem(static embedder => _ = embedder.WorkAsync(), this, preferLocal: false);
        }
    }

    private async Task WorkAsync()
    {
        while (TakeBatch() is { Count: > 0 } batch)
        {
            try
            {
                await EmbedBatchAsync(batch).ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                // A listener of a metric or span, or a logger, that throws. Nobody must wait for ever for that.
                Fail(batch, new UnifiedMemoryException("embed", $"Embedding failed with {exception.GetType().Name}.", isTransient: false, exception));
            }
        }
    }

    private List<EmbeddingWork> TakeBatch()
    {
        List<EmbeddingWork> batch = [];
        lock (_gate)
        {
            Take(_queries, batch);
            if (batch.Count == 0)
                Take(_documents, batch);
            if (batch.Count == 0)
                _workers--;
        }

        return batch;
    }

    private void Take(Queue<EmbeddingWork> queue, List<EmbeddingWork> batch)
    {
        var budget = new EmbeddingBatchBudget(_limits);
        while (queue.TryPeek(out var next))
        {
            var wanted = next.Waiters > 0;
            if (wanted && !budget.TryTake(next.Text))
                return;
            if (wanted)
                batch.Add(next);
            queue.Dequeue();
        }
    }

    /// <summary>
    /// Embeds the batch and completes every item of it. A batch that is rejected is halved until the text at fault stands
    /// alone: about 2·log2(n) calls for one bad text among n. A text that fails alone while others of its batch are embedded
    /// is to blame itself, whatever the service calls it.
    /// </summary>
    private async Task EmbedBatchAsync(List<EmbeddingWork> batch)
    {
        var parts = new Stack<List<EmbeddingWork>>([batch]);
        var succeeded = false;
        var lonely = new List<(EmbeddingWork Work, UnifiedMemoryException Error)>();
        while (parts.TryPop(out var part) && !_shutdown.IsCancellationRequested)
        {
            var (vectors, error) = await CallAsync(part).ConfigureAwait(false);
            if (vectors is not null)
            {
                succeeded = true;
                for (var i = 0; i < part.Count; i++)
                    Complete(part[i], Check(vectors[i]));
            }
            else if (error is EmbeddingRejectedException && part.Count > 1)
            {
                _telemetry.BatchSplit(part.Count);
                var half = part.Count / 2;
                parts.Push(part[half..]);
                parts.Push(part[..half]);
            }
            else if (error is EmbeddingRejectedException)
            {
                Fail(part, error);
            }
            else if (part.Count > 1 || (!succeeded && lonely.Count + 1 == LonelyFailuresOfAnOutage))
            {
                // The service fails, not the texts.
                Fail(part, error!);
                lonely.ForEach(one => Fail([one.Work], one.Error));
                foreach (var rest in parts)
                    Fail(rest, error!);
                return;
            }
            else
            {
                lonely.Add((part[0], error!));
            }
        }

        foreach (var (work, error) in lonely)
            Fail([work], succeeded ? new EmbeddingRejectedException(error.Message, error) : error);
    }

    /// <summary>One call to the provider: one vector for each item, still unchecked, or the error.</summary>
    private async Task<(IReadOnlyList<float[]>? Vectors, UnifiedMemoryException? Error)> CallAsync(List<EmbeddingWork> part)
    {
        using var call = _telemetry.StartCall(part);
        try
        {
            var texts = part.ConvertAll(work => work.Text);
            var vectors = await _provider.EmbedAsync(texts, part[0].Purpose, _shutdown.Token).ConfigureAwait(false);
            if (_onEmbedded is not null)
                await _onEmbedded(_shutdown.Token).ConfigureAwait(false);
            if (vectors?.Count == part.Count)
                return (vectors, null);
            return (null, call.Failed(new EmbeddingRejectedException(
                $"{_provider.Model} answered {vectors?.Count ?? 0} vectors for {part.Count} texts.")));
        }
        catch (UnifiedMemoryException error)
        {
            return (null, call.Failed(error));
        }
        catch (Exception error)
        {
            return (null, call.Failed(ForeignFailure.Of($"The embedding provider for {_provider.Model} failed", error)));
        }
    }

    private EmbeddingResult Check(float[] vector) => VectorCheck.FindFault(vector, _provider.Dimensions) is { } fault
        ? new EmbeddingResult(null, new EmbeddingRejectedException($"{_provider.Model} cannot embed the text: {fault}."))
        : new EmbeddingResult(vector, null);

    private void Fail(List<EmbeddingWork> part, UnifiedMemoryException error)
    {
        foreach (var work in part)
            Complete(work, new EmbeddingResult(null, error));
    }

    private void Complete(EmbeddingWork work, EmbeddingResult result)
    {
        if (result.Error is EmbeddingRejectedException error)
            _telemetry.TextRejected(work.Purpose, error);
        // Cached before it is forgotten, so that a caller finds it in one place or the other.
        if (result.Vector is not null && _cache is not null && IsCached(work.Text, work.Purpose))
            _cache.AddOrUpdate(work.Text, result.Vector);
        lock (_gate)
            Forget(work);
        work.Complete(result);
    }
}
