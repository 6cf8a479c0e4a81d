using Dapper;
using Npgsql;
using UnifiedMemory.Backup.Keeping;
using UnifiedMemory.Backup.Programs;
using UnifiedMemory.Backup.Verifying;

namespace UnifiedMemory.Backup.Physical;

/// <summary>Whether the archive has all of the log that a base backup and the moments after it rest on.</summary>
internal sealed class ArchiveCheck(string archive, string dataDirectory, TimeProvider time)
{
    /// <summary>The server archives the end of a backup's log a moment after the backup.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(200);

    private const string ServerSql =
        """
        SELECT s.system_identifier, a.last_archived_wal FROM pg_control_system() AS s CROSS JOIN pg_stat_archiver AS a
        """;

    /// <summary>What is there now.</summary>
    public ArchivedLog Read()
    {
        // pg_basebackup has put there what it needs, and nothing else.
        var needed = Needed();
        if (needed.Count == 0)
            throw new CheckFailedException("the backup holds no segment of its log");
        var log = Once();

        // A directory that is written to meanwhile is read as it was at no moment: what was renamed may be seen under neither name.
        return log.Problem.Length > 0 ? Once() : log;

        ArchivedLog Once() => ArchivedLog.Read(archive, [.. needed.Select(file => file.Name)], needed[0].Length);
    }

    /// <exception cref="CheckFailedException">Something is missing.</exception>
    public async Task<(string Detail, ArchivedLog Log)> RunAsync(ServerAddress live, CancellationToken cancellationToken)
    {
        // First: what is archived meanwhile is in the archive, too.
        var (lastArchived, remark) = await AskServerAsync(live, cancellationToken).ConfigureAwait(false);
        var started = time.GetTimestamp();
        var log = Read();
        while (log.Problem.Length > 0 && remark.Length == 0 && IsBehind(lastArchived) && time.GetElapsedTime(started) < Patience)
        {
            await Task.Delay(PollInterval, time, cancellationToken).ConfigureAwait(false);
            log = Read();
        }

        if (log.Problem.Length > 0)
            throw new CheckFailedException($"{log.Problem}. No moment after that can be restored: see what the server's archiver does, and make another physical backup");
        if (lastArchived is not null && !IsKept(lastArchived))
        {
            throw new CheckFailedException(
                $"the server says that it has archived {lastArchived}, and it is not in {archive}: is that where archive_command copies to?");
        }

        return ($"{log.Count} segments without a hole, up to {log.Newest}{(log.Begun is null ? "" : $" and the beginning of {log.Begun}")}{remark}", log);
    }

    /// <returns>The file that the live server has archived last, where it is the one of the backup and can be asked.</returns>
    private async Task<(string? LastArchived, string Remark)> AskServerAsync(ServerAddress live, CancellationToken cancellationToken)
    {
        try
        {
            var connection = await live.OpenAsync(cancellationToken).ConfigureAwait(false);
            await using (connection.ConfigureAwait(false))
            {
                var (identifier, lastArchived) = await connection.QuerySingleAsync<(long, string?)>(
                    new CommandDefinition(ServerSql, cancellationToken: cancellationToken)).ConfigureAwait(false);
                return identifier == IdentifierOfBackup() ? (lastArchived, "") : (null, "; the live server is another one, and was not asked");
            }
        }
        catch (NpgsqlException)
        {
            // A backup is verified also when its server is gone.
            return (null, "; the live server could not be asked what it has archived");
        }
    }

    /// <summary>The first field of the control file, in the byte order of the machine.</summary>
    private long IdentifierOfBackup()
    {
        using var file = File.OpenRead(Path.Combine(dataDirectory, "global", "pg_control"));
        Span<byte> bytes = stackalloc byte[8];
        file.ReadExactly(bytes);
        return BitConverter.ToInt64(bytes);
    }

    /// <summary>What is older than all that is needed may have been removed since.</summary>
    private bool IsKept(string name) => File.Exists(Path.Combine(archive, name)) || WalFiles.Removable([name], [Needed()[0].Name]).Any();

    private bool IsBehind(string? lastArchived) =>
        lastArchived is null || !WalFiles.IsOfLog(lastArchived) || WalFiles.Removable([lastArchived], [Needed()[^1].Name]).Any();

    private List<FileInfo> Needed() =>
    [
        .. new DirectoryInfo(Path.Combine(dataDirectory, "pg_wal")).EnumerateFiles()
            .Where(file => LogSegment.IsName(file.Name)).OrderBy(file => file.Name, StringComparer.Ordinal),
    ];
}
