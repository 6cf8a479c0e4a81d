using Dapper;
using Npgsql;
using NpgsqlTypes;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Indexing;

/// <summary>What the server knows about the memories' table and its indexes.</summary>
/// <param name="schema">Where the table is.</param>
/// <param name="countedRows">
/// Up to so many memories they are counted, which takes a tenth of a second; above, the server's statistics are asked.
/// </param>
internal sealed class IndexCatalog(StoreSchema schema, long countedRows = 100_000)
{
    private readonly string _server =
        $"""
        SELECT pg_backend_pid() AS "ProcessId", (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS "Pgvector",
               pg_has_role(current_user, relowner, 'USAGE') AS "IsOwner", current_user::text AS "Role"
        FROM pg_class WHERE oid = to_regclass('{schema.Memories}')
        """;

    private readonly string _indexes =
        $"""
        SELECT built.relname AS "Name", state.indisvalid AND state.indisready AND state.indislive AS "IsValid",
               state.indisunique AS "IsUnique", built.reltuples::float8 AS "Rows", pg_relation_size(built.oid) AS "Bytes",
               pg_stat_get_numscans(built.oid) AS "Scans", method.amname AS "AccessMethod", class.opcname AS "OperatorClass",
               pg_get_indexdef(built.oid, 1, true) AS "Column", pg_get_expr(state.indpred, state.indrelid) AS "Predicate",
               COALESCE(built.reloptions, ARRAY[]::text[]) AS "Settings"
        FROM pg_index AS state
        JOIN pg_class AS built ON built.oid = state.indexrelid
        JOIN pg_am AS method ON method.oid = built.relam
        JOIN pg_opclass AS class ON class.oid = state.indclass[0]
        WHERE state.indrelid = to_regclass('{schema.Memories}')
        ORDER BY built.relname
        """;

    /// <summary>
    /// The planner's own estimate: rows a page when the table was last analyzed, times the pages that it has now; -1 when it never was.
    /// The table's pages and rows are also brought up to date by VACUUM and CREATE INDEX, which say nothing of the types. ANALYZE samples
    /// 300 rows for each bucket of a histogram.
    /// </summary>
    private readonly string _estimate =
        $"""
        SELECT CASE WHEN reltuples < 0 THEN -1 WHEN relpages = 0 THEN 0 ELSE (reltuples / relpages * pages)::bigint END AS "Total",
               reltuples >= 0 AND abs(pages - relpages) <= 0.1 * relpages AND pg_stat_get_mod_since_analyze(oid) <= 0.1 * reltuples
                   AND (reltuples = 0 OR EXISTS (SELECT FROM ({TypeStatistics(schema)}) AS known)) AS "IsCurrent",
               300 * current_setting('default_statistics_target')::int AS "Sampled"
        FROM (SELECT oid, reltuples, relpages, pg_relation_size(oid) / current_setting('block_size')::int AS pages
              FROM pg_class WHERE oid = to_regclass('{schema.Memories}')) AS memories
        """;

    /// <summary>To wait for the lock would end an autovacuum of the table, which analyzes it when it is done.</summary>
    private readonly string _analyze = $"ANALYZE (SKIP_LOCKED) {schema.Memories}";

    /// <summary>One more than are counted, where it is not known yet that there are more.</summary>
    private readonly string _count =
        $"""
        SELECT memory_type AS "Type", count(*) AS "Rows"
        FROM (SELECT memory_type FROM {schema.Memories} LIMIT {countedRows + 1}) AS counted GROUP BY memory_type
        """;

    private readonly string _shares =
        $"""
        SELECT common.value AS "Type", (common.frequency * @total)::bigint AS "Rows"
        FROM ({TypeStatistics(schema)}) AS known, unnest(most_common_vals::text::text[], most_common_freqs) AS common (value, frequency)
        """;

    /// <summary>
    /// Since when an index's scans are counted: since it was built, or the migration that made it, or since its counter began anew. That a
    /// crash empties all counters shows in the server's own statistics only; those of a promoted standby are not the former primary's; and
    /// a restart hides when it was promoted.
    /// </summary>
    private readonly string _watchedForLong =
        $"""
        SELECT built.relname
        FROM pg_index AS state
        JOIN pg_class AS built ON built.oid = state.indexrelid
        LEFT JOIN {schema.VectorIndexes} AS registered ON registered.name = built.relname
        WHERE state.indrelid = to_regclass('{schema.Memories}')
          AND GREATEST(
              COALESCE(registered.built_at, (SELECT max(applied_on) AT TIME ZONE 'UTC' FROM {schema.SchemaVersions})),
              (SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()),
              (SELECT stats_reset FROM pg_stat_bgwriter),
              pg_last_xact_replay_timestamp(),
              pg_postmaster_start_time()) < now() - interval '7 days'
        """;

    public async Task<ServerFacts?> ReadServerAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        await connection.QuerySingleOrDefaultAsync<ServerFacts>(Command(_server, cancellationToken)).ConfigureAwait(false);

    public async Task<Dictionary<string, FoundIndex>> ReadIndexesAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        (await connection.QueryAsync<FoundIndex>(Command(_indexes, cancellationToken)).ConfigureAwait(false)).ToDictionary(index => index.Name);

    /// <summary>The names of those indexes that the server has counted the scans of for at least seven days.</summary>
    public async Task<HashSet<string>> ReadWatchedForLongAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        [.. await connection.QueryAsync<string>(Command(_watchedForLong, cancellationToken)).ConfigureAwait(false)];

    /// <summary>
    /// Counts the memories. A count of ten million reads 40 GB of vectors when the visibility map does not spare it, too much for
    /// each ten minutes, and what is decided by it needs no more than the estimate. Where the statistics are old and cannot be renewed
    /// just now, nothing is sure about the types.
    /// </summary>
    public async Task<MemoryCounts> CountAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var (total, isCurrent, sampled) = await EstimateAsync().ConfigureAwait(false);
        if (!isCurrent)
        {
            // Loaded or restored a moment ago: what autovacuum would do within minutes, and searches need as well.
            await connection.ExecuteAsync(Command(_analyze, cancellationToken)).ConfigureAwait(false);
            (total, isCurrent, sampled) = await EstimateAsync().ConfigureAwait(false);
        }

        if (total <= countedRows)
        {
            var counted = await ByTypeAsync(Command(_count, cancellationToken)).ConfigureAwait(false);
            var rows = counted.Values.Sum();
            return new MemoryCounts(rows, counted) { PerSample = rows <= countedRows ? 0 : rows };
        }

        var byType = await ByTypeAsync(new CommandDefinition(
            _shares, new SqlParameters().Add("total", NpgsqlDbType.Double, (double)total), cancellationToken: cancellationToken)).ConfigureAwait(false);
        return new MemoryCounts(total, byType) { PerSample = isCurrent ? (double)total / sampled : total };

        Task<(long Total, bool IsCurrent, int Sampled)> EstimateAsync() =>
            connection.QuerySingleAsync<(long, bool, int)>(Command(_estimate, cancellationToken));

        async Task<Dictionary<MemoryType, long>> ByTypeAsync(CommandDefinition command) =>
            (await connection.QueryAsync<(string Type, long Rows)>(command).ConfigureAwait(false))
            .ToDictionary(row => MemoryTypeNames.Parse(row.Type), row => row.Rows);
    }

    private static string TypeStatistics(StoreSchema schema) =>
        $"""
        SELECT most_common_vals, most_common_freqs FROM pg_stats
        WHERE schemaname = '{schema.Name}' AND tablename = 'memories' AND attname = 'memory_type'
        """;

    private static CommandDefinition Command(string sql, CancellationToken cancellationToken) => new(sql, cancellationToken: cancellationToken);

    /// <summary>The server, as seen by the session that maintains indexes.</summary>
    internal sealed record ServerFacts
    {
        public int ProcessId { get; init; }

        public string Pgvector { get; init; } = "";

        public bool IsOwner { get; init; }

        public string Role { get; init; } = "";

        /// <summary>Before 0.8.2 parallel HNSW builds overflow a buffer: CVE-2026-3172.</summary>
        public bool BuildsSafelyInParallel => Version.TryParse(Pgvector, out var version) && version >= new Version(0, 8, 2);
    }
}
