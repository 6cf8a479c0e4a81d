namespace UnifiedMemory;

/// <summary>
/// The HNSW index: Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable
/// Small World graphs", https://arxiv.org/abs/1603.09320. <see cref="M"/> and <see cref="EfConstruction"/> take effect when
/// the index is built.
/// </summary>
public sealed class HnswOptions
{
    /// <summary>
    /// Links of a node in each layer, 2 to 100. Default: <c>null</c>, which is 16, and twice as many, up to 64, where a graph surely misses
    /// <see cref="IndexMaintenanceOptions.TargetRecall"/> whatever a search spends and one with more fits
    /// <see cref="IndexMaintenanceOptions.MaxMemoryBytes"/>. Measured at 1,000,000 × 768: with 16 a recall of 0.94 at most, with 32 one of 1.00
    /// and searches in a sixth of the time. All hosts of a store must be given the same.
    /// </summary>
    public int? M { get; set; }

    /// <summary>
    /// Candidates that are looked at when a node is inserted, at least 2·<see cref="M"/>, up to 1,000. Default: <c>null</c>, which is
    /// 4·<see cref="M"/> and 64 at least. Where the library chooses the links, fewer than twice these are not used.
    /// </summary>
    public int? EfConstruction { get; set; }

    /// <summary>
    /// Candidates that a search looks at, 1 to 1,000; never fewer than the query's limit. Measured at 100,000 × 768: recall
    /// 0.97 with 40, 0.995 with 100, 0.999 with 200, at 1.0, 1.25 and 1.95 times the time. Where index maintenance measured that
    /// more is needed for the recall that is asked for, that is used. Where there is an index already, more takes effect when the indexes
    /// are maintained next, and less when the recall is measured next, after a week at most. Default: 100.
    /// </summary>
    public int EfSearch { get; set; } = 100;

    internal HnswOptions Copy() => (HnswOptions)MemberwiseClone();
}
