using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Sides;

/// <summary>How the server is made to answer a search: settings of the session, as a careful programmer would set them once.</summary>
/// <param name="EfSearch"><c>hnsw.ef_search</c>, or 0 for comparing every vector that the filter lets through.</param>
/// <param name="Iterative">Whether the scan goes on where that ends; without need it only costs.</param>
internal sealed record RawPlan(int EfSearch, bool Iterative = false)
{
    private static readonly int[] Raised = [200, 400, 600, 800];

    public string Name => EfSearch == 0 ? "exact" : $"index, ef {EfSearch}";

    /// <summary>
    /// Without sorts there is one way left to an ORDER BY, which is the index; the planner's guess at a jsonb filter is not asked. And
    /// that one is planned once: left to choose, the server would plan each search anew.
    /// </summary>
    public IReadOnlyList<string> Settings => EfSearch == 0
        ? ["enable_indexscan=off", "jit=off", "max_parallel_workers_per_gather=0"]
        :
        [
            $"hnsw.ef_search={EfSearch}", $"hnsw.iterative_scan={(Iterative ? "strict_order" : "off")}",
            "enable_sort=off", "random_page_cost=1.1", "jit=off", "plan_cache_mode=force_generic_plan",
        ];

    /// <summary>
    /// What may be best for a case: without a filter the library's own plan, or else a lower recall would win; exact for what is
    /// selective; and where it is not clear, all of them.
    /// </summary>
    public static async Task<IReadOnlyList<RawPlan>> CandidatesAsync(string schema, SearchCase searched)
    {
        var exact = new RawPlan(0);
        switch (searched)
        {
            case SearchCase.NoFilter:
                return [new(await VectorIndexes.EffortAsync(schema, VectorIndexes.Full))];
            case SearchCase.Type:
                var plan = new RawPlan(await VectorIndexes.EffortAsync(schema, VectorIndexes.NameOf(MemorySet.SmallType)));
                return plan == exact ? [exact] : [plan, exact];
            case SearchCase.Tag or SearchCase.Namespace:
                return [exact];
            default:
                return [exact, .. Raised.Select(effort => new RawPlan(effort, Iterative: true))];
        }
    }
}
