using System.Globalization;
using NpgsqlTypes;
using UnifiedMemory.Input;
using UnifiedMemory.Searching;

namespace UnifiedMemory.Postgres;

internal sealed partial class MemoryTable
{
    /// <summary>The days after which being near a named date counts half.</summary>
    private const string DateHalfTimeDays = "5";

    /// <summary>Half-lives and half-times that count at most: 0.5 ^ 1,075 is an underflow, and that is an error to PostgreSQL.</summary>
    private const string MostHalvings = "500";

    /// <summary>
    /// The best memories by all that the query asks for, in one round trip: the candidates of each half are taken, each of them is
    /// scored for both, and the scores become one.
    /// </summary>
    /// <param name="query">What is looked for.</param>
    /// <param name="vector"><c>null</c> in text mode.</param>
    /// <param name="plan">How the nearest are found.</param>
    /// <param name="scope">The memories that fulfil the filter.</param>
    /// <param name="candidates">How many each half contributes.</param>
    /// <param name="cancellationToken">Ends the statement.</param>
    /// <returns>The matches, and how many candidates the vectors had, before the minimum similarity.</returns>
    public async Task<(List<MemoryMatch> Matches, int Nearest)> RankAsync(
        MemoryQuery query, float[]? vector, SearchPlan plan, ScopeStatistics scope, int candidates, CancellationToken cancellationToken)
    {
        var rows = await database.ReadAsync("search", query.ReadYourWrites, (connection, token) =>
        {
            // Made when a connection is there: see FindNearestAsync.
            var dates = query.TimeWeight > 0 ? NamedDates.In(query.Text) : [];
            var parameters = new SqlParameters()
                .AddVector("query", vector)
                .Add("text", NpgsqlDbType.Text, query.Text)
                .Add("text_weight", NpgsqlDbType.Double, query.Mode == SearchMode.Text ? 1 : query.TextWeight)
                .Add("scope", NpgsqlDbType.Double, scope.Matching)
                .Add("total", NpgsqlDbType.Double, scope.Total)
                .Add("visited", NpgsqlDbType.Double, scope.Visited)
                .Add("average", NpgsqlDbType.Double, Math.Max(1, scope.AverageWords))
                .Add("minimum", NpgsqlDbType.Double, query.MinimumSimilarity ?? -2)
                .Add("neighbour_weight", NpgsqlDbType.Double, query.NeighbourWeight)
                .Add("time_weight", NpgsqlDbType.Double, query.TimeWeight)
                .Add("dates_from", NpgsqlDbType.Array | NpgsqlDbType.TimestampTz, dates.Select(date => date.From).ToArray())
                .Add("dates_to", NpgsqlDbType.Array | NpgsqlDbType.TimestampTz, dates.Select(date => date.To).ToArray())
                .Add("half_life", NpgsqlDbType.Double, query.RecencyHalfLife?.TotalSeconds)
                .Add("importance_weight", NpgsqlDbType.Double, query.ImportanceWeight);
            var settings = new LocalSettings(
                plan.Index is null ? Settings(SearchPlan.Exact) : [.. Settings(SearchPlan.Exact), .. Effort(plan), ("enable_seqscan", "off")], IsDistributed);
            var sql = RankSql(query, plan, FilterSql.From(query, parameters).ToString(), candidates);
            return MemoryReader.QueryAsync(connection, settings, sql, parameters, MatchRow.Read, token);
        }, cancellationToken).ConfigureAwait(false);
        var neighbours = rows.Where(row => row.NeighbourOf is not null)
            .OrderBy(row => row.Record!.CreatedAt).ThenBy(row => row.Id).ToLookup(row => (row.Record!.Namespace, row.NeighbourOf!.Value), row => row.Record!);
        var matches = rows.Where(row => row.NeighbourOf is null && row.Record is not null)
            .OrderByDescending(row => row.Score).ThenByDescending(row => row.Similarity).ThenBy(row => row.Id).ToList();
        if (query.Diversity > 0)
            matches = MarginalRelevance.Choose(matches, query.Limit, query.Diversity, cancellationToken);
        return (matches.Select(row => row.ToMatch(query.Mode, [.. neighbours[(row.Record!.Namespace, row.Id)]])).ToList(), rows.Max(row => row.Nearest));
    }

    private string RankSql(MemoryQuery query, SearchPlan plan, string filter, int candidates)
    {
        var (byVector, byText, besides) = (query.Mode != SearchMode.Text, query.Mode != SearchMode.Vector, query.Neighbours > 0);
        var (vectorPart, textPart) = query.Fusion == FusionMethod.ReciprocalRank && query.Mode == SearchMode.Hybrid
            ? ("(1 - text_weight) * 61 / (60 + vector_rank)", "CASE WHEN text_score > 0 THEN text_weight * 61 / (60 + text_rank) ELSE 0 END")
            : ("(1 - text_weight) * similarity / CASE WHEN text_weight > 0 AND largest_similarity > 0 THEN largest_similarity ELSE 1 END",
               "CASE WHEN text_score > 0 THEN text_weight * text_score / best_text ELSE 0 END");
        return string.Create(CultureInfo.InvariantCulture,
            $"""
            WITH {(byVector ? $"near AS MATERIALIZED ({Nearest(plan, filter, candidates)})," : "")}
            {(byText ? Words(filter, candidates) + "," : "")}
            found AS MATERIALIZED (
                {(byVector ? "SELECT namespace, id FROM near" : "")} {(byVector && byText ? "UNION" : "")} {(byText ? "SELECT namespace, id FROM worded" : "")}),
            {(besides ? $"beside AS MATERIALIZED ({Beside("found", query.Neighbours, filter)})," : "")}
            candidate AS MATERIALIZED (
                SELECT namespace, id FROM found {(besides ? "UNION SELECT namespace, other FROM beside" : "")}),
            scored AS MATERIALIZED (
                SELECT namespace, memory.id, created_at, importance,
                       {(byVector ? "1 - (embedding <=> @query)" : "0::float8")} AS similarity,
                       {(byText ? TextScore : "0::float8")} AS text_score
                FROM candidate JOIN {schema.Memories} AS memory USING (namespace, id)),
            ranked AS MATERIALIZED (
                SELECT *, rank() OVER (ORDER BY similarity DESC) AS vector_rank, rank() OVER (ORDER BY text_score DESC) AS text_rank,
                       GREATEST(max(similarity) OVER (), -min(similarity) OVER ()) AS largest_similarity, max(text_score) OVER () AS best_text,
                       CASE WHEN max(text_score) OVER () > 0 THEN @text_weight ELSE 0 END AS text_weight
                FROM scored WHERE similarity >= @minimum),
            parted AS MATERIALIZED (SELECT *, {vectorPart} AS vector_part, {textPart} AS text_part FROM ranked),
            {(besides ? Surrounded + "," : "")}
            summed AS MATERIALIZED (
                SELECT namespace, id, similarity, text_score, vector_rank, text_rank, vector_part, text_part,
                       {(besides ? "COALESCE(surrounded.part, 0)" : "0::float8")} AS neighbour_part,
                       {(query.TimeWeight > 0 ? TimePart : "0::float8")} AS time_part,
                       {(query.RecencyHalfLife is null ? "1::float8" : RecencyFactor)} AS recency_factor,
                       1 + @importance_weight * (importance - 0.5::float8) AS importance_factor
                FROM parted {(besides ? "LEFT JOIN surrounded USING (namespace, id)" : "")}),
            final AS MATERIALIZED (
                SELECT *, CASE WHEN parts >= 0 THEN parts * factor ELSE parts / factor END AS score
                FROM (SELECT *, vector_part + text_part + neighbour_part + time_part AS parts, recency_factor * importance_factor AS factor
                      FROM summed {(byVector ? "" : "WHERE text_part + neighbour_part > 0")}) AS scoring
                ORDER BY score DESC, similarity DESC, id LIMIT {(query.Diversity > 0 ? candidates : query.Limit)})
            SELECT {MemoryReader.Columns}, similarity, text_score, vector_rank::int, text_rank::int, score,
                   vector_part, text_part, neighbour_part, time_part, recency_factor, importance_factor,
                   {(query.Diversity > 0 ? "embedding::real[]" : "NULL::real[]")}, nearest, NULL::uuid
            FROM (SELECT {(byVector ? "(SELECT count(*) FROM near)::int" : "0")} AS nearest) AS seen
                 LEFT JOIN (final JOIN {schema.Memories} USING (namespace, id)) ON true
            {(query.IncludeNeighbours ? $"UNION ALL {Neighbours(Math.Max(1, query.Neighbours), filter)}" : "")}
            """);
    }

    /// <summary>The nearest by vector, for the plan.</summary>
    private string Nearest(SearchPlan plan, string filter, int candidates) => plan.Index is { } index
        ? $"""
          SELECT namespace, id FROM (SELECT * FROM {Ordered(index, "@query")} LIMIT {plan.Candidates}) AS nearest WHERE {filter} LIMIT {candidates}
          """
        : $"""SELECT namespace, id FROM ({Compared("namespace, id", "@query", filter)}) AS compared ORDER BY distance, id LIMIT {candidates}""";

    private const string TimePart =
        $"""
        @time_weight * COALESCE((SELECT max(0.5::float8 ^ LEAST({MostHalvings}, extract(epoch FROM GREATEST(named.since - created_at, created_at - named.until, interval '0'))::float8
            / 86400 / {DateHalfTimeDays})) FROM unnest(@dates_from, @dates_to) AS named (since, until)), 0)
        """;

    private const string RecencyFactor =
        $"0.5::float8 ^ LEAST({MostHalvings}, GREATEST(extract(epoch FROM now() - created_at)::float8, 0) / @half_life)";
}
