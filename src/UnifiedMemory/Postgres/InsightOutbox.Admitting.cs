using Dapper;
using NpgsqlTypes;

namespace UnifiedMemory.Postgres;

internal sealed partial class InsightOutbox
{
    private const int AdmittedAtOnce = 100_000;

    /// <summary>
    /// One host at a time, each after the commit of the one before, so that nobody claims a later insight while an earlier one is on its way.
    /// So many of the oldest, and whatever came at the same time as the last of them. A row that a repeated attempt left twice is admitted once.
    /// </summary>
    /// <remarks>
    /// The arrivals grow and are emptied faster than statistics follow: without a join nothing depends on those. A memory that has been
    /// deleted is looked for in a subquery that PostgreSQL does not turn into one.
    /// </remarks>
    private readonly string _admit =
        $"""
        SELECT pg_advisory_xact_lock(hashtextextended(@lock, 0));
        WITH arrived AS (
            DELETE FROM {schema.InsightArrivals}
            WHERE queued_at <= COALESCE(
                (SELECT queued_at FROM {schema.InsightArrivals} ORDER BY queued_at OFFSET {AdmittedAtOnce - 1} LIMIT 1), 'infinity')
            RETURNING *),
        admitted AS (
            INSERT INTO {schema.InsightOutbox} (namespace, memory_id, sink, details, attempts, queued_at)
            SELECT namespace, memory_id, sink, details, attempts, queued_at FROM arrived
            WHERE (SELECT true FROM {schema.Memories} AS stored WHERE stored.namespace = arrived.namespace AND stored.id = arrived.memory_id)
            ON CONFLICT DO NOTHING)
        SELECT count(*) FROM arrived
        """;

    /// <summary>Moves what has arrived into the outbox; done before that one is looked into.</summary>
    public async Task AdmitAsync(CancellationToken cancellationToken)
    {
        long admitted;
        do
        {
            admitted = await database.RunAsync("insight_admit", async (connection, token) =>
            {
                var results = await connection.QueryMultipleAsync(new CommandDefinition(
                    _admit, new SqlParameters().Add("lock", NpgsqlDbType.Text, schema.InsightArrivals), cancellationToken: token)).ConfigureAwait(false);
                await using (results.ConfigureAwait(false))
                {
                    await results.ReadAsync().ConfigureAwait(false);
                    return await results.ReadSingleAsync<long>().ConfigureAwait(false);
                }
            }, cancellationToken).ConfigureAwait(false);
        }
        while (admitted >= AdmittedAtOnce);
    }
}
