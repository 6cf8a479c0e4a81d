using Dapper;
using NpgsqlTypes;

namespace UnifiedMemory.Postgres;

internal sealed partial class InsightOutbox
{
    private const string Filtered =
        """
        (@namespace IS NULL OR namespace = @namespace) AND (@sink IS NULL OR sink = @sink) AND (@id IS NULL OR memory_id = @id)
            AND (@parked IS NULL OR (parked_at IS NOT NULL) = @parked)
        """;

    private readonly string _list =
        $"""
        SELECT {QueuedRow.Columns} FROM (
            SELECT * FROM {schema.InsightOutbox}
            WHERE (namespace, memory_id, sink) > (@after_namespace, @after_id, @after_sink) AND {Filtered}
            ORDER BY namespace, memory_id, sink LIMIT @limit) AS queued LEFT JOIN {MemoryOf(schema)}
        ORDER BY queued.namespace, queued.memory_id, queued.sink
        """;

    private readonly string _requeue =
        $"""
        UPDATE {schema.InsightOutbox}
        SET parked_at = NULL, failures = 0, due_at = GREATEST(due_at, now()), in_outage = false, lease_id = NULL, leased_until = NULL
        WHERE parked_at IS NOT NULL AND {Filtered}
        """;

    private readonly string _discard = $"DELETE FROM {schema.InsightOutbox} WHERE {Filtered}";

    /// <summary>By the sink, over the whole table, which is as large as the backlog.</summary>
    private readonly string _backlog =
        $"""
        SELECT sink AS "Sink", count(*) FILTER (WHERE parked_at IS NULL) AS "Pending",
               count(*) FILTER (WHERE parked_at IS NOT NULL) AS "Parked",
               COALESCE(extract(epoch FROM now() - min(queued_at) FILTER (WHERE parked_at IS NULL)), 0)::float8 AS "OldestSeconds"
        FROM {schema.InsightOutbox} GROUP BY sink ORDER BY sink
        """;

    public async Task<List<QueuedRow>> ListPageAsync(
        QueuedInsightFilter filter, QueuedRow? after, int limit, CancellationToken cancellationToken)
    {
        if (after is null)
            await AdmitAsync(cancellationToken).ConfigureAwait(false);
        return await database.RunAsync("insight_list", (connection, token) => MemoryReader.QueryAsync(
            connection,
            _list,
            Parameters(filter)
                .Add("after_namespace", NpgsqlDbType.Text, after?.Namespace ?? "")
                .Add("after_id", NpgsqlDbType.Uuid, after?.Id ?? Guid.Empty)
                .Add("after_sink", NpgsqlDbType.Text, after?.Sink ?? "")
                .Add("limit", NpgsqlDbType.Integer, limit),
            QueuedRow.Read,
            token), cancellationToken).ConfigureAwait(false);
    }

    public Task<long> RequeueAsync(QueuedInsightFilter filter, CancellationToken cancellationToken) =>
        ChangeAsync(_requeue, filter, cancellationToken);

    public async Task<long> DiscardAsync(QueuedInsightFilter filter, CancellationToken cancellationToken)
    {
        await AdmitAsync(cancellationToken).ConfigureAwait(false);
        return await ChangeAsync(_discard, filter, cancellationToken).ConfigureAwait(false);
    }

    public async Task<List<InsightBacklog>> BacklogAsync(CancellationToken cancellationToken)
    {
        await AdmitAsync(cancellationToken).ConfigureAwait(false);
        return await database.RunAsync("insight_backlog", async (connection, token) =>
        {
            var rows = await connection.QueryAsync<(string Sink, long Pending, long Parked, double OldestSeconds)>(
                new CommandDefinition(_backlog, cancellationToken: token)).ConfigureAwait(false);
            return rows.Select(row => new InsightBacklog(
                row.Sink, row.Pending, row.Parked, TimeSpan.FromSeconds(Math.Max(0, row.OldestSeconds)))).ToList();
        }, cancellationToken).ConfigureAwait(false);
    }

    private Task<long> ChangeAsync(string sql, QueuedInsightFilter filter, CancellationToken cancellationToken) =>
        database.RunAsync("insight_change", async (connection, token) => (long)await connection.ExecuteAsync(
            new CommandDefinition(sql, Parameters(filter), cancellationToken: token)).ConfigureAwait(false), cancellationToken);

    private static SqlParameters Parameters(QueuedInsightFilter filter) => new SqlParameters()
        .Add("namespace", NpgsqlDbType.Text, filter.Namespace == MemoryFilter.AllNamespaces ? null : filter.Namespace)
        .Add("sink", NpgsqlDbType.Text, filter.Sink)
        .Add("id", NpgsqlDbType.Uuid, filter.Id)
        .Add("parked", NpgsqlDbType.Boolean, filter.State is { } state ? state == QueuedInsightState.Parked : null);
}
