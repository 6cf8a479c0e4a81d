using System.Collections.Concurrent;
using System.Threading.Channels;

namespace UnifiedMemory.Tests.Embeddings;

/// <summary>A provider in memory that does what a test tells it, and remembers every call.</summary>
internal sealed class ScriptedProvider(EmbeddingLimits? limits = null) : IEmbeddingProvider
{
    private readonly Channel<int> _arrivals = Channel.CreateUnbounded<int>();
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource? _hold;
    private int _concurrent;
    private int _maxConcurrency;

    public string Model => "scripted";

    public int Dimensions => 4;

    public EmbeddingLimits Limits { get; } = limits ?? EmbeddingLimits.Default;

    public Func<IReadOnlyList<string>, IReadOnlyList<float[]>> Answer { get; set; } = texts => [.. texts.Select(VectorOf)];

    public ConcurrentQueue<(IReadOnlyList<string> Texts, EmbeddingPurpose Purpose)> Calls { get; } = new();

    public int MaxConcurrency => Volatile.Read(ref _maxConcurrency);

    public IEnumerable<int> BatchSizes => Calls.Select(call => call.Texts.Count);

    public static float[] VectorOf(string text) => [1, text.Length, text.Length == 0 ? 0 : text[0], text.Length == 0 ? 0 : text[^1]];

    /// <summary>Calls that follow hang until <see cref="Release"/>.</summary>
    public void Hold() => Volatile.Write(ref _hold, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));

    public void Release() => Interlocked.Exchange(ref _hold, null)?.SetResult();

    /// <summary>Waits until so many more calls have arrived.</summary>
    public async Task ArrivedAsync(int calls = 1)
    {
        for (; calls > 0; calls--)
            await _arrivals.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));
    }

    /// <summary>Waits until a call was cancelled.</summary>
    public Task CancelledAsync() => _cancelled.Task.WaitAsync(TimeSpan.FromSeconds(30));

    public async Task<IReadOnlyList<float[]>> EmbedAsync(
        IReadOnlyList<string> texts, EmbeddingPurpose purpose, CancellationToken cancellationToken = default)
    {
        Calls.Enqueue((texts, purpose));
        lock (_gate)
            _maxConcurrency = Math.Max(_maxConcurrency, ++_concurrent);
        _arrivals.Writer.TryWrite(0);
        try
        {
            if (Volatile.Read(ref _hold) is { } hold)
                await hold.Task.WaitAsync(cancellationToken);
            // Always leaves the caller's thread, as a real service does.
            await Task.Yield();
            return Answer(texts);
        }
        catch (OperationCanceledException)
        {
            _cancelled.TrySetResult();
            throw;
        }
        finally
        {
            lock (_gate)
                _concurrent--;
        }
    }
}
