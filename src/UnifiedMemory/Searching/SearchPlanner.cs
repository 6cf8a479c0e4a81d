using UnifiedMemory.Indexing;

namespace UnifiedMemory.Searching;

/// <summary>
/// Chooses how to search. Through an index the nearest candidates are taken first and filtered then, so whatever passes is what an
/// unfiltered search would have found: the more selective the filter, the more candidates it takes, until comparing the filtered
/// memories directly is cheaper. That is also the only plan that cannot find too few.
/// </summary>
internal static class SearchPlanner
{
    /// <summary>pgvector's largest <c>hnsw.ef_search</c>.</summary>
    public const int MaxEffort = 1000;

    /// <summary>Twice as many as should do: candidates that pass a filter are not spread evenly.</summary>
    private const double Reserve = 2;

    // Microseconds on the machine of benchmarks/README.md; what counts is how they relate.
    private const double ExactVisit = 1.5;
    private const double ExactCompare = 1.5;
    private const double IndexStart = 300;
    private const double HnswCandidate = 11;
    private const double IvfFlatRow = 1;

    /// <param name="wanted">Memories that are to be found.</param>
    /// <param name="type">The one type that the filter allows, if it is one.</param>
    /// <param name="scope">The memories that fulfil the filter.</param>
    /// <param name="indexes">The vector indexes that are there.</param>
    public static SearchPlan Choose(int wanted, MemoryType? type, ScopeStatistics scope, IEnumerable<VectorIndex> indexes)
    {
        var best = SearchPlan.Exact;
        var lowest = (scope.Visited * ExactVisit) + (scope.Matching * ExactCompare);
        foreach (var index in indexes.Where(index => index.Type is null || index.Type == type))
        {
            var (plan, cost) = Through(index, wanted, scope);
            if (cost < lowest)
                (best, lowest) = (plan, cost);
        }

        return best;
    }

    private static (SearchPlan Plan, double Cost) Through(VectorIndex index, int wanted, ScopeStatistics scope)
    {
        var rows = index.Type is null ? scope.Total : Math.Max(index.Rows, scope.Matching);
        var candidates = Math.Min(rows, wanted * Reserve * scope.Scarcity * rows / Math.Max(scope.Matching, 1));
        if (index.Method == VectorIndexMethod.IvfFlat)
        {
            var rowsOfList = rows / index.Lists;
            var probes = Math.Clamp((int)Math.Ceiling(Reserve * candidates / rowsOfList), index.Effort, Math.Max(index.Effort, index.Lists));
            return (new SearchPlan(index, probes, (int)Math.Ceiling(rows), Iterative: false), IndexStart + (probes * rowsOfList * IvfFlatRow));
        }

        var effort = Math.Clamp((int)Math.Ceiling(candidates), index.Effort, Math.Max(index.Effort, MaxEffort));
        var seen = Math.Max(effort, (int)Math.Ceiling(candidates));
        return (new SearchPlan(index, effort, seen, Iterative: seen > effort), IndexStart + (seen * HnswCandidate));
    }
}
