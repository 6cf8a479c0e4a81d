using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Sides;

/// <summary>How the server is made to answer a search: settings of the session, as a careful programmer would set them once.</summary>
/// <param name="EfSearch"><c>hnsw.ef_search</c>, or 0 for comparing every vector that the filter lets through.</param>
internal sealed record RawPlan(int EfSearch)
{
    public string Name => EfSearch == 0 ? "exact" : $"index, ef {EfSearch}";

    /// <summary>Without sorts there is one way left to an ORDER BY, which is the index; the planner's guess at a jsonb filter is not asked.</summary>
    public IReadOnlyList<string> Settings => EfSearch == 0
        ? ["enable_indexscan=off", "jit=off", "max_parallel_workers_per_gather=0"]
        : [$"hnsw.ef_search={EfSearch}", "hnsw.iterative_scan=strict_order", "enable_sort=off", "random_page_cost=1.1", "jit=off"];

    /// <summary>
    /// What may be best for a case: without a filter the library's own plan, or else a lower recall would win; exact for what is
    /// selective; and where it is not clear, all of them.
    /// </summary>
    public static async Task<IReadOnlyList<RawPlan>> CandidatesAsync(string schema, SearchCase searched) => [.. new HashSet<int>(searched switch
    {
        SearchCase.NoFilter => [await VectorIndexes.EffortAsync(schema, VectorIndexes.Full)],
        SearchCase.Type => [await VectorIndexes.EffortAsync(schema, VectorIndexes.NameOf(MemorySet.SmallType)), 0],
        SearchCase.Tag or SearchCase.Namespace => [0],
        _ => [0, 200, 400, 800],
    }).Select(effort => new RawPlan(effort))];
}
