using Dapper;
using NpgsqlTypes;

namespace UnifiedMemory.Postgres;

internal sealed partial class InsightOutbox
{
    private const int AdmittedAtOnce = 10_000;

    /// <summary>
    /// One host at a time, each after the commit of the one before, so that nobody claims a later insight while an earlier one is on its way.
    /// What was deleted since is dropped; a row that a repeated attempt left twice is admitted once.
    /// </summary>
    private readonly string _admit =
        $"""
        SELECT pg_advisory_xact_lock(hashtextextended(@lock, 0));
        WITH next AS MATERIALIZED (
            SELECT * FROM {schema.InsightArrivals} ORDER BY queued_at, memory_id LIMIT {AdmittedAtOnce}),
        admitted AS (
            INSERT INTO {schema.InsightOutbox} (namespace, memory_id, sink, attempts, queued_at)
            SELECT namespace, memory_id, sink, attempts, queued_at FROM next
            WHERE EXISTS (SELECT FROM {schema.Memories} AS stored WHERE stored.namespace = next.namespace AND stored.id = next.memory_id)
            ON CONFLICT DO NOTHING)
        DELETE FROM {schema.InsightArrivals} AS arrived USING next
        WHERE arrived.namespace = next.namespace AND arrived.memory_id = next.memory_id AND arrived.sink = next.sink
        """;

    /// <summary>Moves what has arrived into the outbox; done before that one is looked into.</summary>
    private async Task AdmitAsync(CancellationToken cancellationToken)
    {
        int admitted;
        do
        {
            admitted = await database.RunAsync("insight_admit", (connection, token) => connection.ExecuteAsync(new CommandDefinition(
                _admit, new SqlParameters().Add("lock", NpgsqlDbType.Text, schema.InsightArrivals), cancellationToken: token)), cancellationToken)
                .ConfigureAwait(false);
        }
        while (admitted >= AdmittedAtOnce);
    }
}
