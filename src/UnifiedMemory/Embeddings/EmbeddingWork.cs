using System.Diagnostics;

namespace UnifiedMemory.Embeddings;

/// <summary>One text on its way to the provider, and everyone who waits for it. Guarded by the embedder's lock.</summary>
internal sealed class EmbeddingWork(string text, EmbeddingPurpose purpose)
{
    private readonly TaskCompletionSource<EmbeddingResult> _completion =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    public string Text { get; } = text;

    public EmbeddingPurpose Purpose { get; } = purpose;

    /// <summary>The span of the first caller: the provider's call becomes its child.</summary>
    public ActivityContext Origin { get; } = Activity.Current?.Context ?? default;

    /// <summary>Callers that still wait. Work that reaches zero before its call starts is skipped.</summary>
    public int Waiters { get; set; }

    public Task<EmbeddingResult> Completion => _completion.Task;

    public void Complete(EmbeddingResult result) => _completion.TrySetResult(result);

    public void Abandon()
    {
        _completion.TrySetException(new ObjectDisposedException(nameof(Embedder)));
        _ = _completion.Task.Exception; // seen: nobody may be waiting any more
    }
}
