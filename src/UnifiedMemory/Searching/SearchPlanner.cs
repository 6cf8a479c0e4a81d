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
    private const int MaxEffort = 1000;

    /// <summary>
    /// Candidates for each one that is needed, in an index of 100,000 that was not measured: those that pass a filter are not spread
    /// evenly, and the far end of the candidates has holes. With a filter of 10 %, a reserve of 2 had a recall of 0.965 and one of 4 had 0.99.
    /// </summary>
    private const double Reserve = 3.5;

    // Microseconds on the machine of benchmarks/README.md; what counts is how they relate.
    private const double Visit = 2;
    private const double Comparison = 1.5;
    private const double MetadataCondition = 3;
    private const double IndexStart = 300;
    private const double HnswCandidate = 10;
    private const double IvfFlatRow = 1.5;

    /// <summary>
    /// Of a scan that goes on. At a million and m = 32, 4,000 to 12,000 candidates took 40 to 60 each, where a comparison takes 2.4; not so
    /// much here, or a thousand that are wanted of half a million would be found by comparing all of these.
    /// </summary>
    private const double IterativeCandidate = 24;

    /// <param name="wanted">Memories that are to be found.</param>
    /// <param name="filter">What they fulfil.</param>
    /// <param name="scope">The memories that fulfil the filter.</param>
    /// <param name="indexes">The vector indexes that are there.</param>
    public static SearchPlan Choose(int wanted, MemoryFilter filter, ScopeStatistics scope, IEnumerable<VectorIndex> indexes)
    {
        var condition = filter.Metadata is null ? 0 : MetadataCondition;
        var best = SearchPlan.Exact;
        var lowest = (scope.Visited * (Visit + condition)) + (scope.Matching * Comparison);
        foreach (var index in indexes.Where(index => index.Type is null || filter.Types is [var type] && index.Type == type))
        {
            var (plan, cost) = Through(index, wanted, scope, condition);
            if (cost < lowest)
                (best, lowest) = (plan, cost);
        }

        return best;
    }

    private static (SearchPlan Plan, double Cost) Through(VectorIndex index, int wanted, ScopeStatistics scope, double condition)
    {
        var rows = Math.Max(index.Type is null ? scope.Total : index.Rows, Math.Max(scope.Matching, 1));

        // An index finds less with the same effort the larger it is: the way through its graph grows with the logarithm.
        var assumed = Math.Max(1.5, Reserve * Math.Log(rows) / Math.Log(100_000));
        var reserve = index.Reserve ?? assumed;

        // How many of the candidates pass is a matter of chance: of a Poisson distribution with so large a mean, three standard deviations
        // below it are enough still.
        var mean = Math.Pow((3 + Math.Sqrt(9 + (4 * wanted))) / 2, 2);
        reserve = Math.Max(reserve, mean / wanted);
        var candidates = CandidatesWith(reserve);

        // What was measured holds for one scan. One that has to go on misses more: at a million, a tag of 1 % with 1.5 had a recall of 0.83.
        if (index.Method == VectorIndexMethod.Hnsw && candidates > MaxEffort)
            candidates = CandidatesWith(Math.Max(reserve, assumed));
        if (index.Method == VectorIndexMethod.IvfFlat)
        {
            var rowsOfList = rows / index.Lists;

            // Beside the lists that hold the candidates those that were measured to be needed for the nearest few: the candidates' own
            // lists are not the nearest ones only.
            var probes = (int)Math.Min(index.Effort + Math.Ceiling(Round(candidates) / rowsOfList), Math.Max(index.Effort, index.Lists));

            // Not all that the lists hold: the farther ones are no longer the nearest of all, and would hide that too few were found.
            return (new SearchPlan(index, probes, Round(candidates), Iterative: false),
                IndexStart + (probes * rowsOfList * (IvfFlatRow + condition)));
        }

        var seen = Math.Max(index.Effort, Round(candidates));
        var effort = Math.Min(seen, Math.Max(index.Effort, MaxEffort));
        var iterative = seen > effort;
        return (new SearchPlan(index, effort, seen, iterative), IndexStart + (seen * ((iterative ? IterativeCandidate : HnswCandidate) + condition)));

        double CandidatesWith(double reserved) => Math.Min(rows, wanted * reserved * scope.Scarcity * rows / Math.Max(scope.Matching, 1));
    }

    /// <summary>Up to two digits, so that searches that hardly differ share a prepared statement.</summary>
    private static int Round(double candidates)
    {
        var step = Math.Pow(10, Math.Max(0, Math.Floor(Math.Log10(Math.Max(1, candidates))) - 1)) * 5;
        return (int)(Math.Ceiling(candidates / step) * step);
    }
}
