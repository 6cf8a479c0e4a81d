using System.Collections.Concurrent;

namespace UnifiedMemory.SessionBuddy.Server;

/// <summary>
/// Insights that were sent and not answered for. The server embeds before it inserts, so for a while it may still be at work
/// though it does not find them.
/// </summary>
internal sealed class UnansweredCalls(TimeSpan patience, TimeProvider time)
{
    // Beyond these a duplicate may arise.
    private const int Most = 1_000;

    private readonly ConcurrentDictionary<Guid, long> _since = new();

    public void Add(Guid id)
    {
        foreach (var (known, _) in _since.Where(call => time.GetElapsedTime(call.Value) >= patience))
            _since.TryRemove(known, out _);
        if (_since.Count < Most)
            _since[id] = time.GetTimestamp();
    }

    public bool MayStillArrive(Guid id) => _since.TryGetValue(id, out var since) && time.GetElapsedTime(since) < patience;
}
