namespace UnifiedMemory.Insights;

/// <summary>Ends the waiting of a loop early. What is set between two waits ends the next one at once.</summary>
internal sealed class WakeUp
{
    private TaskCompletionSource _set = New();

    public void Set() => Volatile.Read(ref _set).TrySetResult();

    /// <summary>Before the loop looks, so that what comes while it looks is not missed.</summary>
    public void Reset()
    {
        if (Volatile.Read(ref _set).Task.IsCompleted)
            Volatile.Write(ref _set, New());
    }

    /// <summary>Waits until it is set, or the time is over.</summary>
    public async Task WaitAsync(TimeSpan longest, TimeProvider time, CancellationToken cancellationToken)
    {
        try
        {
            await Volatile.Read(ref _set).Task.WaitAsync(longest, time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // Nothing came.
        }
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
