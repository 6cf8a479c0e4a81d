namespace UnifiedMemory.Hosting;

/// <summary>
/// Something that has to succeed once. All callers wait for the same attempt; one who gives up ends only his own waiting.
/// A failure is everybody's who waited, and the next caller tries again.
/// </summary>
internal sealed class SharedAttempt(Func<CancellationToken, Task> work)
{
    private readonly Lock _lock = new();
    private Task? _attempt;

    public ValueTask RunAsync(CancellationToken cancellationToken)
    {
        var attempt = Volatile.Read(ref _attempt);
        if (attempt is { IsCompletedSuccessfully: true })
            return ValueTask.CompletedTask;
        lock (_lock)
        {
            if (_attempt is null or { IsFaulted: true } or { IsCanceled: true })
                _attempt = Start();
            attempt = _attempt;
        }

        return new ValueTask(attempt.WaitAsync(cancellationToken));
    }

    private Task Start()
    {
        // The attempt is everybody's: it must not run in the first caller's span.
        using (ExecutionContext.SuppressFlow())
        {
            var attempt = Task.Run(() => work(CancellationToken.None), CancellationToken.None);

            // Observed: everybody who waits may have given up.
            attempt.ContinueWith(
                static failed => _ = failed.Exception,
                CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            return attempt;
        }
    }

    /// <summary>What succeeded no longer holds.</summary>
    public void Reset()
    {
        lock (_lock)
            _attempt = null;
    }
}
