using Dapper;
using UnifiedMemory.Searching;

namespace UnifiedMemory.Postgres;

internal sealed partial class MemoryTable
{
    /// <summary>Pages that are sampled: some 1,500 memories of 768 dimensions in 2 ms.</summary>
    private const int SampledPages = 800;

    /// <summary>As many matching ones in the sample make an estimate that is right within 30 %, two times out of three within 15.</summary>
    private const int EnoughInSample = 50;

    /// <summary>Rows that are counted at most where the sample held too few.</summary>
    private const int CountedRows = 10_000;

    /// <summary>
    /// How many memories a filter leaves. The planner's own estimate is not used: for a condition on jsonb it is a fixed guess. A
    /// sample tells frequent ones; for rare ones, those that the ordinary indexes find are counted, up to a bound.
    /// </summary>
    public Task<ScopeStatistics> EstimateAsync(MemoryFilter filter, CancellationToken cancellationToken) =>
        database.ReadAsync("estimate", latest: false, async (connection, token) =>
        {
            var parameters = new SqlParameters();
            var row = await connection.QuerySingleAsync<EstimateRow>(new CommandDefinition(
                EstimateSql(FilterSql.From(filter, parameters)), parameters, cancellationToken: token)).ConfigureAwait(false);
            return row.ToStatistics();
        }, cancellationToken);

    private string EstimateSql(FilterSql filter) =>
        $"""
        BEGIN READ ONLY;
        SET LOCAL random_page_cost = 1.1;
        SET LOCAL plan_cache_mode = force_custom_plan;
        SET LOCAL jit = off;
        SET LOCAL max_parallel_workers_per_gather = 0;
        WITH size AS MATERIALIZED (
            SELECT LEAST(1, {SampledPages} * current_setting('block_size')::float8 / GREATEST(pg_relation_size('{schema.Memories}'), 1)) AS sampled_part),
        sampled AS MATERIALIZED (
            SELECT count(*) AS total, count(*) FILTER (WHERE {filter.Indexed}) AS visited, count(*) FILTER (WHERE {filter}) AS matching,
                   avg(length(content_tsv)) FILTER (WHERE {filter}) AS words
            FROM {schema.Memories} TABLESAMPLE SYSTEM ((SELECT 100 * sampled_part FROM size))),
        counted AS MATERIALIZED (
            SELECT count(*) AS visited, count(*) FILTER (WHERE {filter.Others}) AS matching, avg(length(content_tsv)) FILTER (WHERE {filter.Others}) AS words
            FROM (SELECT * FROM {schema.Memories}
                  WHERE {filter.Indexed} AND (SELECT matching < {EnoughInSample} AND sampled_part < 1 FROM sampled, size)
                  LIMIT {CountedRows}) AS found)
        SELECT size.sampled_part AS "SampledPart", sampled.total AS "SampledTotal", sampled.visited AS "SampledVisited",
               sampled.matching AS "SampledMatching", sampled.words::float8 AS "SampledWords",
               counted.visited AS "CountedVisited", counted.matching AS "CountedMatching", counted.words::float8 AS "CountedWords"
        FROM size, sampled, counted;
        COMMIT
        """;

    private sealed record EstimateRow
    {
        public double SampledPart { get; init; }

        public long SampledTotal { get; init; }

        public long SampledVisited { get; init; }

        public long SampledMatching { get; init; }

        public double? SampledWords { get; init; }

        public long CountedVisited { get; init; }

        public long CountedMatching { get; init; }

        public double? CountedWords { get; init; }

        public ScopeStatistics ToStatistics()
        {
            var total = SampledTotal / SampledPart;
            var visited = SampledVisited / SampledPart;
            if (SampledMatching >= EnoughInSample || SampledPart >= 1)
                return new ScopeStatistics(total, visited, SampledMatching / SampledPart, SampledWords ?? 0);
            if (CountedVisited < CountedRows)
                return new ScopeStatistics(total, CountedVisited, CountedMatching, CountedWords ?? 0);

            // The indexes leave many, and the rest of the filter few of them. Which ones were counted is no chance: the first that the scan
            // met, perhaps the oldest, so what the sample saw is the least, and what it should have seen is the most.
            visited = Math.Max(visited, CountedRows);
            var matching = Math.Clamp(visited * CountedMatching / CountedRows, SampledMatching / SampledPart, EnoughInSample / SampledPart);
            return new ScopeStatistics(total, visited, Math.Max(1, matching), CountedWords ?? SampledWords ?? 0);
        }
    }
}
