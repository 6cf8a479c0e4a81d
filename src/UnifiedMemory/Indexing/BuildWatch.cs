using Dapper;
using Npgsql;
using NpgsqlTypes;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Indexing;

/// <summary>
/// Looks at what another session is doing, from a connection of its own: how far its build has come, and whom it waits for. It ends
/// what waits for one transaction for too long, which is longer than it worked before. Whatever goes wrong here does not end the build.
/// </summary>
internal sealed class BuildWatch : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan ReconnectAfter = TimeSpan.FromSeconds(5);

    private const string Look =
        """
        SELECT build.phase AS "Phase",
               CASE WHEN build.tuples_total > 0 THEN 100.0 * build.tuples_done / build.tuples_total
                    WHEN build.blocks_total > 0 THEN 100.0 * build.blocks_done / build.blocks_total END::float8 AS "Percentage",
               (pg_blocking_pids(watched.pid))[1] AS "ProcessId", blocking.application_name AS "Application", blocking.state AS "State",
               extract(epoch FROM clock_timestamp() - blocking.xact_start)::float8 AS "Seconds"
        FROM (SELECT @pid AS pid) AS watched
        LEFT JOIN pg_stat_progress_create_index AS build ON build.pid = watched.pid
        LEFT JOIN pg_stat_activity AS blocking ON blocking.pid = (pg_blocking_pids(watched.pid))[1]
        """;

    private readonly CancellationTokenSource _ending = new();
    private readonly UnifiedMemoryOptions _options;
    private readonly TimeProvider _time;
    private readonly int _processId;
    private readonly long _started;
    private readonly Task _watching;
    private long? _waitingSince;

    private BuildWatch(UnifiedMemoryOptions options, int processId, string index, IProgress<IndexProgress>? progress, TimeProvider time)
    {
        (_options, _processId, _time, _started) = (options, processId, time, time.GetTimestamp());
        _watching = WatchAsync(index, progress, _ending.Token);
    }

    /// <summary>Whom the session waited for when it was last looked at; who it was before, when that cannot be told.</summary>
    public Blocker? Blocker { get; private set; }

    /// <summary>Whether it was this that ended the statement.</summary>
    public bool HasGivenUp { get; private set; }

    public static BuildWatch Start(
        UnifiedMemoryOptions options, int processId, string index, IProgress<IndexProgress>? progress, TimeProvider time) =>
        new(options, processId, index, progress, time);

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync().ConfigureAwait(false);
        await _watching.ConfigureAwait(false);
        _ending.Dispose();
    }

    private async Task WatchAsync(string index, IProgress<IndexProgress>? progress, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                var connection = new NpgsqlConnection(ConnectionSettings.Maintenance(_options));
                await using (connection.ConfigureAwait(false))
                {
                    await connection.OpenAsync(cancellationToken).ConfigureAwait(false);
                    while (true)
                    {
                        var seen = await connection.QueryFirstAsync<Sight>(Command(Look, cancellationToken)).ConfigureAwait(false);
                        if (seen.Phase is not null)
                            progress?.Report(new IndexProgress(index, seen.Phase, seen.Percentage));
                        if (HasWaitedTooLong(seen))
                        {
                            HasGivenUp = true;
                            await connection.ExecuteAsync(Command("SELECT pg_cancel_backend(@pid)", cancellationToken)).ConfigureAwait(false);
                        }

                        await Task.Delay(Interval, _time, cancellationToken).ConfigureAwait(false);
                    }
                }
            }
            catch (Exception)
            {
                // The build ended, or it goes on unwatched for a while: without a connection, or since whoever is told of the progress failed.
            }

            await Task.Delay(ReconnectAfter, _time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>What has worked for hours waits for hours before it is given up: all its work would be lost.</summary>
    private bool HasWaitedTooLong(Sight seen)
    {
        if (seen.ProcessId is not { } pid)
        {
            _waitingSince = null;
            return false;
        }

        if (_waitingSince is not { } since || Blocker?.ProcessId != pid)
            _waitingSince = since = _time.GetTimestamp();
        Blocker = new Blocker { ProcessId = pid, Application = seen.Application ?? "", State = seen.State, Seconds = seen.Seconds };
        var waited = _time.GetElapsedTime(since);
        return waited > _options.Indexes.LockTimeout && waited > _time.GetElapsedTime(_started, since);
    }

    private CommandDefinition Command(string sql, CancellationToken cancellationToken) =>
        new(sql, new SqlParameters().Add("pid", NpgsqlDbType.Integer, _processId), cancellationToken: cancellationToken);

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
