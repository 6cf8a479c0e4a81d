namespace UnifiedMemory;

/// <summary>Where the server behind a <see cref="LocalPostgres"/> comes from.</summary>
public enum LocalPostgresOrigin
{
    /// <summary>A server that the environment variable <c>UNIFIED_MEMORY_CONNECTION</c> names. It is never stopped.</summary>
    ExistingServer,

    /// <summary>A private cluster, started from the PostgreSQL that is installed on this machine.</summary>
    LocalBinaries,

    /// <summary>A container of the image <c>pgvector/pgvector:pg17</c>.</summary>
    Container,
}
