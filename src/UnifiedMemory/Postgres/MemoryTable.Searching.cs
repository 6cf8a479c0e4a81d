using System.Globalization;
using NpgsqlTypes;
using UnifiedMemory.Indexing;
using UnifiedMemory.Searching;

namespace UnifiedMemory.Postgres;

internal sealed partial class MemoryTable
{
    /// <summary>The nearest memories that fulfil the filter, best first, and how many they were before the minimum similarity.</summary>
    /// <remarks>A search is one round trip, its settings included.</remarks>
    public Task<(List<MemoryMatch> Matches, int Nearest)> FindNearestAsync(
        MemoryQuery query, float[] vector, SearchPlan plan, CancellationToken cancellationToken) =>
        database.ReadAsync("search", query.ReadYourWrites, async (connection, token) =>
        {
            // Made when a connection is there: a thousand callers hold what was made before while they wait, and the collector moves it.
            var parameters = new SqlParameters(positional: true).AddVector("query", vector).Add("limit", NpgsqlDbType.Integer, query.Limit);
            var filter = FilterSql.From(query, parameters).ToString();
            var sql = plan.Index is { } index ? IndexSql(index, plan, filter) : ExactSql(filter);
            var rows = await MemoryReader.QueryAsync(
                connection, new LocalSettings(Settings(plan), IsDistributed), sql, parameters,
                row => (Record: MemoryReader.Read(row), Similarity: row.GetDouble(MemoryReader.Count)), token).ConfigureAwait(false);

            // Sorted here: an index may have compared normalised vectors, whose last digits differ.
            rows.Sort((one, other) => (other.Similarity, one.Record.Id).CompareTo((one.Similarity, other.Record.Id)));
            var matches = new List<MemoryMatch>(rows.Count);
            foreach (var (record, similarity) in rows)
            {
                if (similarity >= (query.MinimumSimilarity ?? double.NegativeInfinity))
                    matches.Add(ToMatch(record, similarity, matches.Count + 1));
            }

            return (matches, rows.Count);
        }, cancellationToken);

    /// <summary>A match by vector alone: its score is its similarity.</summary>
    private static MemoryMatch ToMatch(MemoryRecord record, double similarity, int rank) => new(record, similarity, similarity)
    {
        VectorRank = rank,
        Explanation = new MatchExplanation { Vector = similarity },
    };

    /// <summary>
    /// The filter is outside: the index yields its nearest in order, and rows pass until enough have. Where that order is not the
    /// final one, <c>+ 0</c> makes the planner sort. <c>$1</c> is the vector, <c>$2</c> the limit.
    /// </summary>
    private string IndexSql(VectorIndex index, SearchPlan plan, string filter) =>
        $"""
        SELECT {MemoryReader.Columns}, 1 - distance FROM (
            SELECT *, embedding <=> $1 AS distance FROM {Ordered(index, "$1")} LIMIT {plan.Candidates}) AS nearest
        WHERE {filter} ORDER BY distance{(plan.Iterative || index.HalfPrecision ? " + 0" : "")} LIMIT $2
        """;

    /// <summary>The best are chosen before anything is made of their columns: to write out the metadata of each would take longer.</summary>
    private string ExactSql(string filter) =>
        $"""
        SELECT {MemoryReader.Columns}, 1 - distance FROM (
            SELECT * FROM ({Compared("*", "$1", filter)}) AS compared ORDER BY distance, id LIMIT $2) AS nearest
        ORDER BY distance, id
        """;

    /// <summary>Every memory that fulfils the filter with its distance. OFFSET 0 keeps a vector index out of it.</summary>
    private string Compared(string columns, string vector, string filter) =>
        $"SELECT {columns}, embedding <=> {vector} AS distance FROM {schema.Memories} WHERE {filter} OFFSET 0";

    /// <summary>The rows of the table as this index yields them. Only the index's own expression and predicate make the planner use it.</summary>
    private string Ordered(VectorIndex index, string vector)
    {
        var cast = index.HalfPrecision ? $"::halfvec({dimensions})" : "";
        return $"{schema.Memories}{VectorIndexDefinition.WhereOf(index.Type)} ORDER BY embedding{cast} <=> {vector}{cast}";
    }

    /// <summary>
    /// Through an index: <c>enable_seqscan</c>, since the planner does not count TOAST pages and prefers 0.5 s to 5 ms; a generic plan,
    /// since there is nothing to choose and planning takes 0.2 ms of 1.3; <c>relaxed_order</c>, which finds more than
    /// <c>strict_order</c> (0.80 against 0.56 at 1 % selectivity). Exact: a plan for these values, without the compiler and the workers
    /// that a scan of many rows would start.
    /// </summary>
    private static IReadOnlyList<(string Name, string Value)> Settings(SearchPlan plan) => plan switch
    {
        { Index: null } =>
        [
            ("random_page_cost", "1.1"),
            ("plan_cache_mode", "force_custom_plan"),
            ("jit", "off"),
            ("max_parallel_workers_per_gather", "0"),
        ],
        _ => [("enable_seqscan", "off"), ("plan_cache_mode", "force_generic_plan"), .. Effort(plan)],
    };

    private static IEnumerable<(string Name, string Value)> Effort(SearchPlan plan)
    {
        yield return (VectorIndexDefinition.EffortSetting(plan.Index!.Method), plan.Effort.ToString(CultureInfo.InvariantCulture));
        if (!plan.Iterative)
            yield break;
        yield return ("hnsw.iterative_scan", "relaxed_order");
        yield return ("hnsw.max_scan_tuples", Math.Max(20_000, 2 * plan.Candidates).ToString(CultureInfo.InvariantCulture));

        // A scan ends at so many times work_mem, too: at a million and m = 32, 4 MB ended one of 4,200 with a recall of 0.79, which 32 MB brought
        // to 0.94, and 32 MB one of 8,400 with 0.985.
        yield return ("hnsw.scan_mem_multiplier", Math.Clamp(plan.Candidates / 1_000, 1, 1_000).ToString(CultureInfo.InvariantCulture));
    }
}
