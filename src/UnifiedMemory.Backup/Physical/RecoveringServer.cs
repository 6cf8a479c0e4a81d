using Dapper;
using Npgsql;
using UnifiedMemory.Backup.Programs;
using UnifiedMemory.Backup.Verifying;

namespace UnifiedMemory.Backup.Physical;

/// <summary>A server that runs on a restored directory until it is disposed of.</summary>
internal sealed class RecoveringServer : IAsyncDisposable
{
    private const string EndOfLog = "recovery ended before configured recovery target was reached";
    private const int MessageLines = 8;
    private const string StateSql = "SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn()::text";

    /// <summary>A server that has not written its process id by then is not going to.</summary>
    private const int StopAttempts = 100;

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(100);

    private readonly ServerDirectory _directory;
    private readonly string _control;
    private readonly Task<ProgramResult> _running;
    private readonly CancellationTokenSource _killing;

    private RecoveringServer(ServerDirectory directory, string control, Task<ProgramResult> running, CancellationTokenSource killing)
    {
        _directory = directory;
        _control = control;
        _running = running;
        _killing = killing;
    }

    /// <summary>Starts it; that it has recovered is for <see cref="WaitAsync"/>.</summary>
    /// <param name="directory">Its data.</param>
    /// <param name="postgres">The path of the program <c>postgres</c> of the backup's major version.</param>
    /// <param name="arguments">What it is called with.</param>
    public static RecoveringServer Start(ServerDirectory directory, string postgres, IReadOnlyList<string> arguments)
    {
        // As a child whose end is seen at once: pg_ctl reports a start also when recovery fails right after it.
        var killing = new CancellationTokenSource();
        var running = ChildProgram.RunAsync(new ProgramCall(postgres, arguments) { User = directory.ServerUser }, killing.Token);
        return new RecoveringServer(directory, Path.Combine(Path.GetDirectoryName(postgres)!, "pg_ctl"), running, killing);
    }

    /// <summary>Waits until it has recovered and takes writes.</summary>
    /// <param name="address">Its database of the store.</param>
    /// <param name="targetTime">Where it is to stop; <c>null</c> for the end of the log.</param>
    /// <param name="log">The log that it is to read to its end; <c>null</c> for whatever it finds.</param>
    /// <param name="isAllNeeded">Whether it fails when it did not; else that is told.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="CheckFailedException">It ended, or too early; the message says why.</exception>
    public async Task<string> WaitAsync(
        ServerAddress address, DateTimeOffset? targetTime, ArchivedLog? log, bool isAllNeeded, TimeProvider time, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (_running.IsCompleted)
            {
                var result = await _running.ConfigureAwait(false);
                result = result with { Messages = WithoutRefusals(result.Messages) };
                if (targetTime is { } target && result.Messages.Contains(EndOfLog, StringComparison.Ordinal))
                {
                    throw new CheckFailedException(
                        $"the write-ahead log ends before {target.UtcDateTime:yyyy-MM-dd HH:mm:ss.ffffff} UTC, or nothing was written after it. "
                        + "Restore to an earlier time, or to the end of the log without a target");
                }

                throw CheckFaults.Of(result, "the server did not recover: " + string.Join(' ', result.Messages.Split('\n').TakeLast(MessageLines)));
            }

            try
            {
                var connection = await address.OpenAsync(cancellationToken).ConfigureAwait(false);
                await using (connection.ConfigureAwait(false))
                {
                    var (isRecovering, position) = await connection.QuerySingleAsync<(bool, string?)>(StateSql).ConfigureAwait(false);
                    if (!isRecovering)
                    {
                        // PostgreSQL takes a damaged segment for the end of the log, and says nothing.
                        var early = log is not null && LogSegment.TryParsePosition(position ?? "", out var end) && !log.IsReadBy(end)
                            ? $"the recovery ended at {position}, and the archive goes on to {log.Newest}: the log is damaged there" : "";
                        if (early.Length > 0 && isAllNeeded)
                            throw new CheckFailedException(early);
                        return "recovered " + (targetTime is { } reached ? $"to {reached.UtcDateTime:yyyy-MM-dd HH:mm:ss.ffffff} UTC" : "to the end of the log")
                            + (early.Length > 0 ? $"; {early}, and what was written after it is lost" : "");
                    }
                }
            }
            catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.InvalidCatalogName)
            {
                // Not as with other servers: this one was made from the backup.
                throw new CheckFailedException($"the recovered server has no database {address.Database}");
            }
            catch (NpgsqlException exception) when (exception is not PostgresException { SqlState: not "57P03" })
            {
                // It does not listen yet, or still recovers (57P03).
            }

            await Task.Delay(PollInterval, time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>It logs each connection that it refuses while it recovers: those of the waiting here, which say nothing of how it ended.</summary>
    internal static string WithoutRefusals(string messages)
    {
        var lines = messages.Split('\n');
        return string.Join('\n', lines.Where((line, i) => !IsRefusal(line) && !(i > 0 && IsRefusal(lines[i - 1]) && line.Contains("DETAIL:", StringComparison.Ordinal))));

        static bool IsRefusal(string line) =>
            line.Contains("FATAL:", StringComparison.Ordinal) && line.Contains("the database system is ", StringComparison.Ordinal);
    }

    public async ValueTask DisposeAsync()
    {
        for (var attempt = 1; !_running.IsCompleted; attempt++)
        {
            // Not cancelled: it would run on.
            var result = await ChildProgram.RunAsync(
                new ProgramCall(_control, ["stop", "-w", "-s", "-m", "fast", "-D", _directory.Path]) { User = _directory.ServerUser },
                CancellationToken.None).ConfigureAwait(false);
            if (result.ExitCode == 0)
                break;

            // A server that was started this moment has written no process id yet, and pg_ctl finds none.
            if (attempt >= StopAttempts && !File.Exists(Path.Combine(_directory.Path, "postmaster.pid")))
                await _killing.CancelAsync().ConfigureAwait(false);
            await Task.WhenAny(_running, Task.Delay(PollInterval, TimeProvider.System)).ConfigureAwait(false);
        }

        try
        {
            await _running.ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_killing.IsCancellationRequested)
        {
            // It was killed.
        }

        _killing.Dispose();

        // With it, pg_ctl restart would call the program as it was called here.
        File.Delete(Path.Combine(_directory.Path, "postmaster.opts"));
    }
}
