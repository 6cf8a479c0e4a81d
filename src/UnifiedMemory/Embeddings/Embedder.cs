using System.Diagnostics.Metrics;
using System.Runtime.ExceptionServices;
using BitFaster.Caching.Lru;
using Microsoft.Extensions.Logging;

namespace UnifiedMemory.Embeddings;

/// <summary>
/// Stands between a store and its <see cref="IEmbeddingProvider"/>. Every text, from single calls and bulk calls alike,
/// becomes a work item in one of two queues; at most <see cref="EmbeddingLimits.MaxConcurrentCalls"/> workers drain them,
/// queries first. Nothing is delayed to fill a batch: an idle worker takes a single item at once, and items pile up
/// into batches only while every worker is busy. Equal texts under way are embedded once. Query vectors are cached.
/// </summary>
/// <remarks>Documents wait while queries keep every worker busy.</remarks>
internal sealed partial class Embedder : IDisposable
{
    /// <summary>Query vectors cached by default: about 3 MB at 768 dimensions.</summary>
    public const int DefaultCacheCapacity = 1024;

    // A long text is rarely asked twice, and would fill the cache with its own characters.
    private const int LongestCachedText = 2048;

    private readonly Lock _gate = new();
    private readonly Queue<EmbeddingWork> _queries = new();
    private readonly Queue<EmbeddingWork> _documents = new();
    private readonly Dictionary<(EmbeddingPurpose, string), EmbeddingWork> _underWay = [];
    private readonly CancellationTokenSource _shutdown = new();
    private readonly IEmbeddingProvider _provider;
    private readonly EmbeddingLimits _limits;
    private readonly EmbeddingTelemetry _telemetry;
    private readonly Func<CancellationToken, ValueTask>? _onEmbedded;
    private readonly ConcurrentLru<string, float[]>? _cache;
    private int _workers;
    private bool _disposed;

    /// <summary>Creates an embedder. It does not own the provider.</summary>
    /// <param name="provider">What makes the vectors.</param>
    /// <param name="meter">Where the instruments are made.</param>
    /// <param name="logger">Told about split batches and rejected texts, never about their content.</param>
    /// <param name="cacheCapacity">Query vectors to keep; 0 turns the cache off.</param>
    /// <param name="onEmbedded">Called when the provider has answered, before its vectors are used; may throw.</param>
    public Embedder(
        IEmbeddingProvider provider, Meter meter, ILogger logger, int cacheCapacity = DefaultCacheCapacity,
        Func<CancellationToken, ValueTask>? onEmbedded = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(cacheCapacity);
        _provider = provider;
        _limits = provider.Limits;
        _telemetry = new EmbeddingTelemetry(provider, meter, logger);
        _onEmbedded = onEmbedded;
        // BitFaster refuses a capacity below 3.
        _cache = cacheCapacity == 0
            ? null
            : new ConcurrentLru<string, float[]>(Environment.ProcessorCount, Math.Max(3, cacheCapacity), StringComparer.Ordinal);
    }

    /// <summary>Who makes the vectors, for spans. Default: the provider's type.</summary>
    public string ProviderName { set => _telemetry.ProviderName = value; }

    /// <summary>Embeds one text.</summary>
    /// <returns><c>float[Dimensions]</c>, shared with other callers: read it only.</returns>
    /// <exception cref="EmbeddingRejectedException">The text cannot be embedded.</exception>
    /// <exception cref="UnifiedMemoryException">The service failed.</exception>
    /// <exception cref="ObjectDisposedException">The embedder is disposed, or was while the text was under way.</exception>
    public async Task<float[]> EmbedAsync(string text, EmbeddingPurpose purpose, CancellationToken cancellationToken)
    {
        if (TryGetCached(text, purpose, out var cached))
            return cached;

        var (vector, error) = (await WaitAsync(Join([text], purpose), cancellationToken).ConfigureAwait(false))[0];
        if (error is not null)
            ExceptionDispatchInfo.Throw(error);
        return vector!;
    }

    /// <summary>Embeds many texts.</summary>
    /// <returns>One result for each text, in the order of the texts.</returns>
    /// <exception cref="UnifiedMemoryException">Every text failed, and for a reason that is not its own.</exception>
    /// <exception cref="ObjectDisposedException">The embedder is disposed, or was while a text was under way.</exception>
    public async Task<EmbeddingResult[]> EmbedManyAsync(
        IReadOnlyList<string> texts, EmbeddingPurpose purpose, CancellationToken cancellationToken)
    {
        var results = new EmbeddingResult[texts.Count];
        List<string> missing = [];
        List<int> positions = [];
        for (var i = 0; i < texts.Count; i++)
        {
            if (TryGetCached(texts[i], purpose, out var cached))
            {
                results[i] = new EmbeddingResult(cached, null);
                continue;
            }

            missing.Add(texts[i]);
            positions.Add(i);
        }

        var embedded = await WaitAsync(Join(missing, purpose), cancellationToken).ConfigureAwait(false);
        for (var i = 0; i < embedded.Length; i++)
            results[positions[i]] = embedded[i];

        if (results.Length > 0 && results.All(result => result.Error is not (null or EmbeddingRejectedException)))
            ExceptionDispatchInfo.Throw(results[0].Error!);
        return results;
    }

    /// <summary>Cancels the calls under way and fails everyone who waits with <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose()
    {
        EmbeddingWork[] waiting;
        lock (_gate)
        {
            if (_disposed)
                return;
            _disposed = true;
            waiting = [.. _underWay.Values];
            _underWay.Clear();
            _queries.Clear();
            _documents.Clear();
        }

        // Waiters first, so that they see the disposal and not the cancellation that it causes. The source itself is left
        // to the collector: workers may still hold its token, and it has no timer.
        foreach (var work in waiting)
            work.Abandon();
        _shutdown.Cancel();
    }

    private bool TryGetCached(string text, EmbeddingPurpose purpose, out float[] vector)
    {
        ArgumentNullException.ThrowIfNull(text);
        vector = [];
        if (_cache is null || !IsCached(text, purpose))
            return false;
        var hit = _cache.TryGet(text, out var found);
        _telemetry.CacheAsked(hit);
        if (hit)
            vector = found!;
        return hit;
    }

    private static bool IsCached(string text, EmbeddingPurpose purpose) =>
        purpose == EmbeddingPurpose.Query && text.Length <= LongestCachedText;

    /// <summary>Finds or queues the work for each text, and starts workers up to the limit.</summary>
    private EmbeddingWork[] Join(List<string> texts, EmbeddingPurpose purpose)
    {
        var joined = new EmbeddingWork[texts.Count];
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var queue = purpose == EmbeddingPurpose.Query ? _queries : _documents;
            for (var i = 0; i < joined.Length; i++)
            {
                if (!_underWay.TryGetValue((purpose, texts[i]), out var work))
                {
                    work = new EmbeddingWork(texts[i], purpose);
                    _underWay.Add((purpose, texts[i]), work);
                    queue.Enqueue(work);
                }

                work.Waiters++;
                joined[i] = work;
            }

            StartWorkers();
        }

        return joined;
    }

    private async Task<EmbeddingResult[]> WaitAsync(EmbeddingWork[] joined, CancellationToken cancellationToken)
    {
        try
        {
            return await Task.WhenAll(joined.Select(work => work.Completion)).WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            Leave(joined);
            throw;
        }
    }

    /// <summary>
    /// Only this caller's waiting ends. Work that nobody waits for any more is not joined again: who comes next starts afresh.
    /// </summary>
    private void Leave(EmbeddingWork[] joined)
    {
        lock (_gate)
        {
            foreach (var work in joined)
            {
                if (--work.Waiters == 0)
                    Forget(work);
            }
        }
    }

    private void Forget(EmbeddingWork work)
    {
        if (_underWay.TryGetValue((work.Purpose, work.Text), out var current) && ReferenceEquals(current, work))
            _underWay.Remove((work.Purpose, work.Text));
    }
}
