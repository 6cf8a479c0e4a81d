namespace UnifiedMemory.Insights;

/// <summary>
/// Tells an insight that a sink cannot take from a sink that is away: then nothing arrives, and none of those that fail is to blame. What
/// fails in an outage is parked like everything else after too many tries, and comes back with the sink.
/// </summary>
internal sealed class SinkOutage(InsightOptions options, TimeProvider time)
{
    private readonly Lock _lock = new();
    private Guid? _failed;
    private bool _othersFailed;

    /// <summary>True in the beginning: the process before this one may have ended in an outage.</summary>
    private bool _isOutage = true;

    private long? _succeeded;
    private long _ended = time.GetTimestamp();

    /// <summary>Whether something arrived just now. What arrived long ago, or in another process, says nothing of the sink.</summary>
    private bool Works => _succeeded is { } succeeded && time.GetElapsedTime(succeeded) < options.BreakDuration;

    /// <summary>Something failed since the last success.</summary>
    /// <returns>Whether it was the sink: its circuit is open, another insight has failed, too, or nothing shows that it works.</returns>
    public bool IncludesFailure(Guid id, bool isOpen)
    {
        lock (_lock)
        {
            _failed ??= id;
            _othersFailed |= _failed != id;
            var isOutage = isOpen || _othersFailed || !Works;
            _isOutage |= isOutage;
            return isOutage;
        }
    }

    /// <summary>The sink works.</summary>
    /// <returns>
    /// Whether what failed in an outage is to be queued again: after one, and now and then, for hosts that ended in the middle of theirs.
    /// </returns>
    public bool EndsWithSuccess()
    {
        lock (_lock)
        {
            _failed = null;
            _othersFailed = false;
            _succeeded = time.GetTimestamp();
            if (!_isOutage && time.GetElapsedTime(_ended) < options.MaxRetryDelay)
                return false;
            _isOutage = false;
            _ended = _succeeded.Value;
            return true;
        }
    }
}
