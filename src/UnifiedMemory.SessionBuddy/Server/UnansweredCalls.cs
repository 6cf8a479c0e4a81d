using System.Collections.Concurrent;

namespace UnifiedMemory.SessionBuddy.Server;

/// <summary>
/// Insights that were sent and not answered for, each with the tag of the part that was. The server embeds before it inserts, so for a
/// while it may still be at work though it does not find them.
/// </summary>
internal sealed class UnansweredCalls(TimeSpan patience, TimeProvider time)
{
    // Beyond these a duplicate may arise.
    private const int Most = 1_000;

    private readonly ConcurrentDictionary<Guid, (string Tag, long Since)> _calls = new();

    public void Add(Guid id, string tag)
    {
        foreach (var (known, _) in _calls.Where(call => time.GetElapsedTime(call.Value.Since) >= patience))
            _calls.TryRemove(known, out _);
        if (_calls.Count < Most)
            _calls[id] = (tag, time.GetTimestamp());
    }

    /// <summary>The tag of the part that may still arrive.</summary>
    public string? TagOf(Guid id) => _calls.TryGetValue(id, out var call) && time.GetElapsedTime(call.Since) < patience ? call.Tag : null;
}
