namespace UnifiedMemory.Backup.Hosting;

/// <summary>
/// When to try again what could not be done: each time after twice as long, since a verification fetches and restores all of a backup.
/// </summary>
/// <param name="first">How long the first time.</param>
internal sealed class VerificationRetries(TimeSpan first)
{
    private static readonly TimeSpan Longest = TimeSpan.FromHours(6);

    private string? _id;
    private TimeSpan _delay;
    private DateTimeOffset _failed;

    /// <summary>When that backup is due again; now, unless it was the last one that failed.</summary>
    public DateTimeOffset DueAt(string id, DateTimeOffset now)
    {
        // A failure in the future is one of a clock that was ahead.
        var due = _failed + _delay;
        return id != _id || _failed > now || due < now ? now : due;
    }

    /// <returns>How long to wait.</returns>
    public TimeSpan Fail(string id, DateTimeOffset now)
    {
        var longest = first > Longest ? first : Longest;
        _delay = id != _id ? first : _delay < longest / 2 ? _delay * 2 : longest;
        (_id, _failed) = (id, now);
        return _delay;
    }

    public void Succeed() => _id = null;
}
