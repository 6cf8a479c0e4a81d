namespace UnifiedMemory;

/// <summary>
/// The HNSW index: Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable
/// Small World graphs", https://arxiv.org/abs/1603.09320. <see cref="M"/> and <see cref="EfConstruction"/> take effect when
/// the index is built.
/// </summary>
public sealed class HnswOptions
{
    /// <summary>Links of a node in each layer, 2 to 100. Default: 16.</summary>
    public int M { get; set; } = 16;

    /// <summary>Candidates that are looked at when a node is inserted, at least 2·<see cref="M"/>, up to 1,000. Default: 64.</summary>
    public int EfConstruction { get; set; } = 64;

    /// <summary>
    /// Candidates that a search looks at, 1 to 1,000; never fewer than the query's limit. Measured at 100,000 × 768: recall
    /// 0.97 with 40, 0.995 with 100, 0.999 with 200, at 1.0, 1.25 and 1.95 times the time. Where index maintenance measured that
    /// more is needed for the recall that is asked for, that is used. Where there is an index already, more takes effect when the indexes
    /// are maintained next, and less when the recall is measured next, after a week at most. Default: 100.
    /// </summary>
    public int EfSearch { get; set; } = 100;

    internal HnswOptions Copy() => (HnswOptions)MemberwiseClone();
}
