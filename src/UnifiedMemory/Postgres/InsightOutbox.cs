using Dapper;
using NpgsqlTypes;

namespace UnifiedMemory.Postgres;

/// <summary>
/// What is to be delivered to the sinks. <see cref="MemoryTable"/> adds to the arrivals in the statement that creates an insight;
/// the rest of the SQL is here. What is told is read from the memory when it is claimed. A row goes when it is delivered: the insight itself
/// stays in the store, and what counts the backlog counts few rows.
/// </summary>
/// <remarks>
/// Times are the server's. A claim is one statement, and so a transaction of its own: the first rows of one namespace and sink that are
/// free, for a lease. Nobody else claims there while a lease runs, which keeps their order.
/// </remarks>
internal sealed partial class InsightOutbox(Database database, StoreSchema schema)
{
    private const string NotLeased = "(leased_until IS NULL OR leased_until <= now() OR lease_id = @lease)";

    /// <summary>Waits for its next try, and lets the later ones of its namespace pass meanwhile.</summary>
    private const string Aside = "(failures >= @patience AND due_at > now())";

    /// <summary>
    /// The namespaces after one, in their order, each found by one look into the index however much is queued in those before it.
    /// PostgreSQL evaluates no more rows of the recursion than the outer LIMIT takes.
    /// </summary>
    private readonly string _heads =
        $"""
        WITH RECURSIVE found AS (
            (SELECT namespace FROM {schema.InsightOutbox}
             WHERE sink = @sink AND parked_at IS NULL AND namespace > @after ORDER BY namespace, queued_at LIMIT 1)
            UNION ALL
            SELECT (SELECT namespace FROM {schema.InsightOutbox}
                    WHERE sink = @sink AND parked_at IS NULL AND namespace > found.namespace ORDER BY namespace, queued_at LIMIT 1)
            FROM found WHERE found.namespace IS NOT NULL)
        SELECT found.namespace AS "Namespace", head.wait AS "WaitSeconds", head.failures AS "Failures"
        FROM found LEFT JOIN LATERAL (
            SELECT extract(epoch FROM GREATEST(due_at, leased_until) - now())::float8 AS wait, failures FROM {schema.InsightOutbox} AS first
            WHERE first.sink = @sink AND first.namespace = found.namespace AND parked_at IS NULL AND NOT {Aside}
            ORDER BY queued_at, memory_id LIMIT 1) AS head ON true
        WHERE found.namespace IS NOT NULL LIMIT @limit
        """;

    /// <summary>
    /// Nothing while anybody has a lease there, also on later ones: those before them may have become due since. And all of the run or
    /// nothing: when another host is claiming it or has just been through, its rows are locked or changed, and taking what is left would send
    /// a later insight before an earlier one. An attempt whose answer got lost finds its own lease.
    /// </summary>
    private readonly string _claim =
        $"""
        WITH run AS MATERIALIZED (
            SELECT namespace, memory_id, sink, bool_and(due_at <= now()) OVER (ORDER BY queued_at, memory_id) AS free
            FROM (SELECT * FROM {schema.InsightOutbox}
                  WHERE sink = @sink AND namespace = @namespace AND parked_at IS NULL AND NOT {Aside}
                      AND NOT EXISTS (SELECT FROM {schema.InsightOutbox}
                                      WHERE sink = @sink AND namespace = @namespace AND lease_id <> @lease AND leased_until > now())
                  ORDER BY queued_at, memory_id LIMIT @limit) AS first),
        locked AS MATERIALIZED (
            SELECT queued.memory_id FROM {schema.InsightOutbox} AS queued JOIN run USING (namespace, memory_id, sink)
            WHERE run.free AND parked_at IS NULL AND due_at <= now() AND {NotLeased}
            FOR UPDATE OF queued SKIP LOCKED),
        claimed AS (
            UPDATE {schema.InsightOutbox} AS queued
            SET lease_id = @lease, leased_until = now() + @duration, attempts = attempts + 1
            FROM locked
            WHERE queued.namespace = @namespace AND queued.memory_id = locked.memory_id AND queued.sink = @sink
                AND (SELECT count(*) FROM locked) = (SELECT count(*) FROM run WHERE free)
            RETURNING queued.*)
        SELECT {QueuedRow.Columns} FROM claimed AS queued LEFT JOIN {MemoryOf(schema)} ORDER BY queued.queued_at, queued.memory_id
        """;

    private readonly string _delivered =
        $"DELETE FROM {schema.InsightOutbox} WHERE namespace = @namespace AND memory_id = @id AND sink = @sink";

    private readonly string _failed =
        $"""
        UPDATE {schema.InsightOutbox}
        SET failures = failures + 1, last_error = @error, due_at = now() + @delay, lease_id = NULL, leased_until = NULL,
            parked_at = CASE WHEN @park THEN now() END, in_outage = in_outage OR @in_outage
        WHERE namespace = @namespace AND memory_id = @id AND sink = @sink AND lease_id = @lease
        """;

    private readonly string _releaseAll =
        $"""
        UPDATE {schema.InsightOutbox}
        SET lease_id = NULL, leased_until = NULL, attempts = attempts - CASE WHEN memory_id = ANY (@untried) THEN 1 ELSE 0 END,
            due_at = CASE WHEN memory_id = ANY (@untried) THEN due_at ELSE now() + @retry_after END
        WHERE namespace = @namespace AND sink = @sink AND parked_at IS NULL AND lease_id = @lease
        """;

    /// <summary>
    /// What was parked comes back with its failures, and so for one try: one that is to blame for them itself is parked again by the
    /// next, and stays so after the most. What still waits for its next try goes on waiting, and is not counted.
    /// </summary>
    private readonly string _revive =
        $"""
        WITH failed AS MATERIALIZED (
            SELECT namespace, memory_id, sink, parked_at IS NOT NULL AND failures < @most AS comes_back
            FROM {schema.InsightOutbox} WHERE sink = @sink AND in_outage AND {NotLeased}
            FOR UPDATE),
        revived AS (
            UPDATE {schema.InsightOutbox} AS queued
            SET in_outage = false, parked_at = CASE WHEN comes_back THEN NULL ELSE parked_at END,
                due_at = CASE WHEN comes_back THEN GREATEST(due_at, now()) ELSE due_at END
            FROM failed
            WHERE queued.namespace = failed.namespace AND queued.memory_id = failed.memory_id AND queued.sink = failed.sink)
        SELECT count(*) FILTER (WHERE comes_back) FROM failed
        """;

    /// <summary>
    /// The one that was tried longest ago, when that is long enough. What is parked again by this try has failed no more often than
    /// before, or else a long outage would leave nothing that is revived.
    /// </summary>
    private readonly string _probe =
        $"""
        UPDATE {schema.InsightOutbox} SET parked_at = NULL, failures = failures - 1
        WHERE (namespace, memory_id, sink) = (
            SELECT namespace, memory_id, sink FROM {schema.InsightOutbox}
            WHERE sink = @sink AND in_outage AND parked_at <= now() - @pause AND due_at <= now()
            ORDER BY parked_at LIMIT 1 FOR UPDATE SKIP LOCKED)
        """;

    private readonly string _claimed =
        $"""
        SELECT {QueuedRow.Columns} FROM {schema.InsightOutbox} AS queued LEFT JOIN {MemoryOf(schema)}
        WHERE queued.namespace = @namespace AND queued.memory_id = @id AND queued.sink = @sink AND queued.lease_id = @lease
        """;

    /// <summary>The schema's name, which tells the stores of a process apart.</summary>
    public string Schema { get; } = schema.Name;

    /// <summary>A page of the namespaces that have something for the sink. Before the first page, what has arrived is admitted.</summary>
    public async Task<List<NamespaceHead>> HeadsAsync(
        string sink, string after, int patience, int limit, CancellationToken cancellationToken)
    {
        if (after.Length == 0)
            await AdmitAsync(cancellationToken).ConfigureAwait(false);
        return await database.RunAsync("insight_heads", async (connection, token) => (await connection.QueryAsync<NamespaceHead>(new CommandDefinition(
            _heads,
            new SqlParameters()
                .Add("sink", NpgsqlDbType.Text, sink)
                .Add("after", NpgsqlDbType.Text, after)
                .Add("patience", NpgsqlDbType.Integer, patience)
                .Add("limit", NpgsqlDbType.Integer, limit),
            cancellationToken: token)).ConfigureAwait(false)).AsList(), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Claims the next insights of a namespace, in their order; none when they are not due, or another host's.</summary>
    public Task<List<QueuedRow>> ClaimAsync(Lease lease, int patience, int limit, CancellationToken cancellationToken) =>
        database.RunAsync("insight_claim", (connection, token) => MemoryReader.QueryAsync(
            connection,
            _claim,
            lease.Parameters()
                .Add("duration", NpgsqlDbType.Interval, lease.Duration)
                .Add("patience", NpgsqlDbType.Integer, patience)
                .Add("limit", NpgsqlDbType.Integer, limit),
            QueuedRow.Read,
            token), cancellationToken);

    /// <summary>Whoever holds it now: it has arrived.</summary>
    public Task DeliveredAsync(Lease lease, Guid id, CancellationToken cancellationToken) =>
        ExecuteAsync(_delivered, () => lease.Parameters().Add("id", NpgsqlDbType.Uuid, id), cancellationToken);

    public Task FailedAsync(Lease lease, Guid id, FailedTry failed, CancellationToken cancellationToken) =>
        ExecuteAsync(
            _failed,
            () => lease.Parameters()
                .Add("id", NpgsqlDbType.Uuid, id)
                .Add("error", NpgsqlDbType.Text, failed.Error)
                .Add("delay", NpgsqlDbType.Interval, failed.Delay)
                .Add("park", NpgsqlDbType.Boolean, failed.Park)
                .Add("in_outage", NpgsqlDbType.Boolean, failed.InOutage),
            cancellationToken);

    /// <summary>The sink is back: what was parked while it was away is due now, in the old order, unless it has failed too often.</summary>
    /// <returns>How many are due again.</returns>
    public Task<long> ReviveAsync(string sink, int mostFailures, CancellationToken cancellationToken) =>
        database.RunAsync("insight_done", (connection, token) => connection.ExecuteScalarAsync<long>(new CommandDefinition(
            _revive,
            new SqlParameters()
                .Add("sink", NpgsqlDbType.Text, sink)
                .Add("most", NpgsqlDbType.Integer, mostFailures)
                .Add("lease", NpgsqlDbType.Uuid, Guid.Empty),
            cancellationToken: token)), cancellationToken);

    /// <summary>Queues one that was parked in an outage, for a try that shows whether it is over.</summary>
    /// <returns>Whether there is one.</returns>
    public async Task<bool> ProbeAsync(string sink, TimeSpan pause, CancellationToken cancellationToken) =>
        await ExecuteAsync(
            _probe,
            () => new SqlParameters().Add("sink", NpgsqlDbType.Text, sink).Add("pause", NpgsqlDbType.Interval, pause),
            cancellationToken).ConfigureAwait(false) > 0;

    /// <summary>One that is claimed, as it is now, or <c>null</c> when it was withdrawn or is another host's.</summary>
    public Task<QueuedRow?> ClaimedAsync(Lease lease, Guid id, CancellationToken cancellationToken) =>
        database.RunAsync("insight_claimed", async (connection, token) => (await MemoryReader.QueryAsync(
            connection, _claimed, lease.Parameters().Add("id", NpgsqlDbType.Uuid, id), QueuedRow.Read, token).ConfigureAwait(false)).SingleOrDefault(),
            cancellationToken);

    /// <summary>Gives back whatever is still claimed: what was certainly not tried with its attempt, and the rest for a later try.</summary>
    public Task ReleaseAllAsync(Lease lease, Guid[] untried, TimeSpan retryAfter, CancellationToken cancellationToken) =>
        ExecuteAsync(
            _releaseAll,
            () => lease.Parameters()
                .Add("untried", NpgsqlDbType.Array | NpgsqlDbType.Uuid, untried)
                .Add("retry_after", NpgsqlDbType.Interval, retryAfter),
            cancellationToken);

    /// <summary>The columns of the memory that a queued row is about, in the order in which they are read.</summary>
    private static string MemoryOf(StoreSchema schema) =>
        $"""
        LATERAL (SELECT {MemoryReader.Columns} FROM {schema.Memories}
                 WHERE namespace = queued.namespace AND id = queued.memory_id) AS memory ON true
        """;

    private Task<int> ExecuteAsync(string sql, Func<SqlParameters> parameters, CancellationToken cancellationToken) =>
        database.RunAsync("insight_done", (connection, token) => connection.ExecuteAsync(
            new CommandDefinition(sql, parameters(), cancellationToken: token)), cancellationToken);
}
