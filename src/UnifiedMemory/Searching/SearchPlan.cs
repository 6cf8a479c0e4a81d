using UnifiedMemory.Indexing;

namespace UnifiedMemory.Searching;

/// <summary>How the nearest memories are found.</summary>
/// <param name="Index">The vector index to go through; <c>null</c> to compare every memory that fulfils the filter.</param>
/// <param name="Effort"><c>hnsw.ef_search</c> or <c>ivfflat.probes</c>.</param>
/// <param name="Candidates">How many of the index's nearest are looked at, before the filter.</param>
/// <param name="Iterative">Whether the index scan goes on where <paramref name="Effort"/> ends.</param>
internal sealed record SearchPlan(VectorIndex? Index, int Effort, int Candidates, bool Iterative)
{
    public static SearchPlan Exact { get; } = new(null, 0, 0, Iterative: false);
}
