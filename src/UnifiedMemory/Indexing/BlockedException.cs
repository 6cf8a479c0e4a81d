namespace UnifiedMemory.Indexing;

/// <summary>Another transaction is in the way of an index, and was for longer than it is waited for.</summary>
internal sealed class BlockedException(Blocker? blocker, Exception? cause = null)
    : Exception(blocker?.ToString() ?? "another transaction is in the way", cause);
