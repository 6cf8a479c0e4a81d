using Dapper;
using Npgsql;
using NpgsqlTypes;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Indexing;

/// <summary>
/// Looks at what another session is doing, from a connection of its own: how far its build has come, and whom it waits for.
/// Whatever goes wrong here does not end the build.
/// </summary>
internal sealed class BuildWatch : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(300);

    private const string Look =
        """
        SELECT build.phase AS "Phase",
               CASE WHEN build.tuples_total > 0 THEN 100.0 * build.tuples_done / build.tuples_total
                    WHEN build.blocks_total > 0 THEN 100.0 * build.blocks_done / build.blocks_total END::float8 AS "Percentage",
               blocking.pid AS "ProcessId", blocking.application_name AS "Application", blocking.state AS "State",
               extract(epoch FROM clock_timestamp() - blocking.xact_start)::float8 AS "Seconds"
        FROM (SELECT @pid AS pid) AS watched
        LEFT JOIN pg_stat_progress_create_index AS build ON build.pid = watched.pid
        LEFT JOIN pg_stat_activity AS blocking ON blocking.pid = (pg_blocking_pids(watched.pid))[1]
        """;

    private readonly CancellationTokenSource _ending = new();
    private readonly Task _watching;

    private BuildWatch(string connectionString, int processId, string index, IProgress<IndexProgress>? progress, TimeProvider time) =>
        _watching = WatchAsync(connectionString, processId, index, progress, time, _ending.Token);

    /// <summary>Whom the session waited for when it was last looked at; who it was before, when that cannot be told.</summary>
    public Blocker? Blocker { get; private set; }

    public static BuildWatch Start(
        string connectionString, int processId, string index, IProgress<IndexProgress>? progress, TimeProvider time) =>
        new(connectionString, processId, index, progress, time);

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync().ConfigureAwait(false);
        await _watching.ConfigureAwait(false);
        _ending.Dispose();
    }

    private async Task WatchAsync(
        string connectionString, int processId, string index, IProgress<IndexProgress>? progress, TimeProvider time, CancellationToken cancellationToken)
    {
        try
        {
            var connection = new NpgsqlConnection(connectionString);
            await using (connection.ConfigureAwait(false))
            {
                await connection.OpenAsync(cancellationToken).ConfigureAwait(false);
                while (true)
                {
                    var seen = await connection.QueryFirstAsync<Sight>(new CommandDefinition(
                        Look, new SqlParameters().Add("pid", NpgsqlDbType.Integer, processId), cancellationToken: cancellationToken)).ConfigureAwait(false);
                    if (seen.Phase is not null)
                        progress?.Report(new IndexProgress(index, seen.Phase, seen.Percentage));
                    if (seen.ProcessId is { } pid)
                        Blocker = new Blocker { ProcessId = pid, Application = seen.Application ?? "", State = seen.State, Seconds = seen.Seconds };
                    await Task.Delay(Interval, time, cancellationToken).ConfigureAwait(false);
                }
            }
        }
        catch (Exception exception) when (exception is NpgsqlException or OperationCanceledException or System.Net.Sockets.SocketException or IOException)
        {
            // The build ended, or it goes on unwatched.
        }
    }

    private sealed record Sight
    {
        public string? Phase { get; init; }

        public double? Percentage { get; init; }

        public int? ProcessId { get; init; }

        public string? Application { get; init; }

        public string? State { get; init; }

        public double? Seconds { get; init; }
    }
}
