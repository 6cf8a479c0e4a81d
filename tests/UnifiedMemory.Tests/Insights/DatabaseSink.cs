using Npgsql;

namespace UnifiedMemory.Tests.Insights;

/// <summary>
/// A sink that several processes have in common, in tables beside the store's: what it received, once by key; every arrival; and whether
/// it is up. Some arrivals are answered with a failure all the same.
/// </summary>
internal sealed class DatabaseSink(NpgsqlDataSource database, string prefix) : IInsightSink
{
    private int _calls;

    public string Name => "database";

    public static string Schema(string prefix) =>
        $"""
        CREATE TABLE {prefix}received (id uuid PRIMARY KEY, content text NOT NULL);
        CREATE TABLE {prefix}arrivals (id uuid NOT NULL, attempt int NOT NULL);
        CREATE TABLE {prefix}sink (up boolean NOT NULL);
        INSERT INTO {prefix}sink VALUES (true);
        """;

    public async Task<InsightDelivery> DeliverAsync(Insight insight, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            $"""
            WITH arrived AS (INSERT INTO {prefix}arrivals SELECT $1, $3 FROM {prefix}sink WHERE up RETURNING id),
            kept AS (INSERT INTO {prefix}received SELECT id, $2 FROM arrived ON CONFLICT DO NOTHING)
            SELECT count(*) FROM arrived
            """);
        command.Parameters.Add(new() { Value = insight.Id });
        command.Parameters.Add(new() { Value = insight.Content });
        command.Parameters.Add(new() { Value = insight.Attempt });
        var arrived = (long)(await command.ExecuteScalarAsync(cancellationToken))! == 1;
        return arrived && Interlocked.Increment(ref _calls) % 23 != 0 ? InsightDelivery.Delivered : InsightDelivery.Unavailable("down, or an answer that got lost");
    }
}
