using Dapper;
using NpgsqlTypes;

namespace UnifiedMemory.Postgres;

internal sealed partial class MemoryTable
{
    /// <summary>
    /// The arrivals have no index, and statistics that are late. IS NOT TRUE keeps PostgreSQL from making a join of them, and from choosing a
    /// loop for it: so many as fit into its memory are hashed.
    /// </summary>
    private readonly string _purge =
        $"""
        (namespace, id) IN (
            SELECT namespace, id FROM {schema.Memories} AS expired
            WHERE expires_at <= now()
                AND ((namespace, id) IN (SELECT namespace, memory_id FROM {schema.InsightArrivals})) IS NOT TRUE
                AND NOT EXISTS (SELECT FROM {schema.InsightOutbox} AS queued WHERE queued.namespace = expired.namespace AND queued.memory_id = expired.id)
            LIMIT @limit FOR UPDATE SKIP LOCKED)
        """;

    public async Task<bool> DeleteAsync(Guid id, CancellationToken cancellationToken) =>
        await DeleteAsync(
            "delete", $"id = @id AND {FilterSql.Visible}", withdraw: true, new SqlParameters().Add("id", NpgsqlDbType.Uuid, id), cancellationToken)
            .ConfigureAwait(false) > 0;

    public Task<long> DeleteManyAsync(MemoryFilter filter, CancellationToken cancellationToken)
    {
        var parameters = new SqlParameters();
        return DeleteAsync("delete_many", FilterSql.From(filter, parameters).ToString(), withdraw: true, parameters, cancellationToken);
    }

    /// <summary>Deletes at most so many expired memories; several hosts may do it at once. What waits for a sink stays.</summary>
    public Task<long> PurgeAsync(int limit, CancellationToken cancellationToken) =>
        DeleteAsync("purge", _purge, withdraw: false, new SqlParameters().Add("limit", NpgsqlDbType.Integer, limit), cancellationToken);

    /// <summary>
    /// A delete that is repeated finds nothing more, so its count would be a lie when only the answer to its COMMIT was lost.
    /// The number of its transaction is known before COMMIT is sent, and the server knows what became of it.
    /// </summary>
    private Task<long> DeleteAsync(
        string operation, string condition, bool withdraw, SqlParameters parameters, CancellationToken cancellationToken)
    {
        var withdrawn = withdraw
            ? $"""
               , arrived AS (
                   DELETE FROM {schema.InsightArrivals} WHERE ((namespace, memory_id) IN (SELECT namespace, id FROM deleted)) IS TRUE),
               withdrawn AS (
                   DELETE FROM {schema.InsightOutbox} AS queued USING deleted
                   WHERE queued.namespace = deleted.namespace AND queued.memory_id = deleted.id)
               """
            : "";
        var sql =
            $"""
            WITH deleted AS (DELETE FROM {schema.Memories} WHERE {condition} RETURNING namespace, id){withdrawn}
            SELECT count(*) AS "Count", pg_current_xact_id()::text AS "Transaction" FROM deleted
            """;
        var attempts = new List<Deletion>();
        return database.RunAsync(operation, async (connection, token) =>
        {
            Deletion deletion;
            var transaction = await connection.BeginTransactionAsync(token).ConfigureAwait(false);
            await using (transaction.ConfigureAwait(false))
            {
                // Waits for the locks of an earlier attempt, whose fate is decided after this.
                deletion = await connection.QuerySingleAsync<Deletion>(new CommandDefinition(
                    sql, parameters, transaction, cancellationToken: token)).ConfigureAwait(false);
                attempts.Add(deletion);
                await transaction.CommitAsync(token).ConfigureAwait(false);
            }

            var count = deletion.Count;
            foreach (var attempt in attempts.SkipLast(1))
            {
                if (await WasCommittedAsync(attempt.Transaction).ConfigureAwait(false))
                    count += attempt.Count;
            }

            return count;

            Task<bool> WasCommittedAsync(string number) => connection.ExecuteScalarAsync<bool>(new CommandDefinition(
                "SELECT COALESCE(pg_xact_status(@number::text::xid8) = 'committed', false)",
                new SqlParameters().Add("number", NpgsqlDbType.Text, number), cancellationToken: token));
        }, cancellationToken);
    }

    private sealed record Deletion
    {
        public long Count { get; init; }

        public string Transaction { get; init; } = "";
    }
}
