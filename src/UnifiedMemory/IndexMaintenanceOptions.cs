namespace UnifiedMemory;

/// <summary>
/// When and how the store builds, tunes and repairs its vector indexes; see <c>MaintainIndexesAsync</c>. Give every host the
/// same, or else they rebuild each other's indexes.
/// </summary>
public sealed class IndexMaintenanceOptions
{
    /// <summary>
    /// How often a host looks after the indexes; zero for never. One host at a time does it. After a failure it waits twice as long as
    /// the last time, up to a day. Default: 10 minutes.
    /// </summary>
    public TimeSpan Interval { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// From how many memories on there is a vector index. Below, comparing all of them is faster and exact. Default: 10,000.
    /// </summary>
    public long Threshold { get; set; } = 10_000;

    /// <summary>
    /// From how many memories on a memory type that is a small part of the store has an index of its own. Default: 2,000.
    /// </summary>
    public long TypeThreshold { get; set; } = 2_000;

    /// <summary>
    /// The kind of index. Default: <c>null</c>, which is HNSW unless its graph does not fit <see cref="MaxMemoryBytes"/>.
    /// </summary>
    public VectorIndexMethod? Method { get; set; }

    /// <summary>
    /// Whether the index holds numbers of 16 bits: half the size at the same recall, and up to 4,000 dimensions instead of
    /// 2,000. Default: no.
    /// </summary>
    public bool HalfPrecision { get; set; }

    /// <summary>
    /// The recall at 20 that a search through the index must reach, 0.5 to 1. An index that no longer reaches it, or only with four times the
    /// effort that it took at first, is built again. Default: 0.97.
    /// </summary>
    public double TargetRecall { get; set; } = 0.97;

    /// <summary>
    /// What a build may take of the server's memory (<c>maintenance_work_mem</c>), 64 MiB or more. An HNSW graph takes 4 bytes a dimension
    /// (2 with <see cref="HalfPrecision"/>), 32 for each of <see cref="HnswOptions.M"/>, and 280 a memory, measured with pgvector 0.8.0.
    /// Default: 2 GiB, which is 500,000 memories of 768 dimensions with 16 links, or 830,000 with half precision.
    /// </summary>
    public long MaxMemoryBytes { get; set; } = 2L * 1024 * 1024 * 1024;

    /// <summary>
    /// How long a build waits for other transactions, which it has to, before it gives up until the next time and says whom it
    /// waited for. At its end it waits as long as it has taken, when that is longer, up to 4 hours. Default: 1 minute.
    /// </summary>
    public TimeSpan LockTimeout { get; set; } = TimeSpan.FromMinutes(1);

    internal IndexMaintenanceOptions Copy() => (IndexMaintenanceOptions)MemberwiseClone();
}
