namespace UnifiedMemory.Clusters;

/// <summary>How <c>pg_ctl</c> stops a server.</summary>
internal enum ClusterShutdown
{
    /// <summary>Rolls back what is open and writes a checkpoint.</summary>
    Fast,

    /// <summary>Ends every process at once; the next start recovers from the log.</summary>
    Immediate,
}
