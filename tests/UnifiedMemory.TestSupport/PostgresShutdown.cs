namespace UnifiedMemory.TestSupport;

/// <summary>How <see cref="PostgresCluster"/> is stopped.</summary>
public enum PostgresShutdown
{
    /// <summary>Open transactions are rolled back and a checkpoint is written.</summary>
    Fast,

    /// <summary>Every process ends at once; the next start recovers from the log.</summary>
    Immediate,
}
