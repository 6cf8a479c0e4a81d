namespace UnifiedMemory.Indexing;

/// <summary>Another transaction is in the way of an index, and was for longer than it is waited for.</summary>
internal sealed class BlockedException(Blocker? blocker, Exception? cause = null)
    : Exception(blocker?.ToString() ?? "Another transaction is in the way.", cause)
{
    public Blocker? Blocker { get; } = blocker;
}
