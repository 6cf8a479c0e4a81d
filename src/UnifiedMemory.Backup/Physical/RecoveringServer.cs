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

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(100);

    private readonly ServerDirectory _directory;
    private readonly string _control;
    private readonly Task<ProgramResult> _running;

    private RecoveringServer(ServerDirectory directory, string control, Task<ProgramResult> running)
    {
        _directory = directory;
        _control = control;
        _running = running;
    }

    /// <summary>Starts it; that it has recovered is for <see cref="WaitAsync"/>.</summary>
    /// <param name="directory">Its data.</param>
    /// <param name="postgres">The path of the program <c>postgres</c> of the backup's major version.</param>
    public static RecoveringServer Start(ServerDirectory directory, string postgres)
    {
        // As a child whose end is seen at once: pg_ctl reports a start also when recovery fails right after it.
        var running = ChildProgram.RunAsync(
            new ProgramCall(postgres, ["-D", directory.Path]) { User = directory.ServerUser }, CancellationToken.None);
        return new RecoveringServer(directory, Path.Combine(Path.GetDirectoryName(postgres)!, "pg_ctl"), running);
    }

    /// <summary>Waits until it has recovered and takes writes.</summary>
    /// <exception cref="CheckFailedException">It ended; the message says why.</exception>
    public async Task<string> WaitAsync(ServerAddress address, DateTimeOffset? targetTime, TimeProvider time, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (_running.IsCompleted)
            {
                var result = await _running.ConfigureAwait(false);
                throw new CheckFailedException(targetTime is { } target && result.Messages.Contains(EndOfLog, StringComparison.Ordinal)
                    ? $"the write-ahead log ends before {target.UtcDateTime:yyyy-MM-dd HH:mm:ss.ffffff} UTC, or nothing was written after it. "
                        + "Restore to an earlier time, or to the end of the log without a target"
                    : "the server did not recover: " + string.Join(' ', result.Messages.Split('\n').TakeLast(MessageLines)));
            }

            try
            {
                var connection = await address.OpenAsync(cancellationToken).ConfigureAwait(false);
                await using (connection.ConfigureAwait(false))
                {
                    if (!await connection.ExecuteScalarAsync<bool>("SELECT pg_is_in_recovery()").ConfigureAwait(false))
                        return "recovered " + (targetTime is { } reached ? $"to {reached.UtcDateTime:yyyy-MM-dd HH:mm:ss.ffffff} UTC" : "to the end of the log");
                }
            }
            catch (NpgsqlException exception) when (exception is not PostgresException { SqlState: not "57P03" })
            {
                // It does not listen yet, or still recovers (57P03).
            }

            await Task.Delay(PollInterval, time, cancellationToken).ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_running.IsCompleted)
        {
            // Not cancelled: it would run on.
            await ChildProgram.RunAsync(
                new ProgramCall(_control, ["stop", "-w", "-s", "-m", "fast", "-D", _directory.Path]) { User = _directory.ServerUser },
                CancellationToken.None).ConfigureAwait(false);
        }

        await _running.ConfigureAwait(false);
    }
}
