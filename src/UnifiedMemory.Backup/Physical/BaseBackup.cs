using System.Data;
using System.Globalization;
using System.Text.RegularExpressions;
using Dapper;
using Microsoft.Extensions.Logging;
using UnifiedMemory.Backup.Catalogue;
using UnifiedMemory.Backup.Contents;
using UnifiedMemory.Backup.Dumping;
using UnifiedMemory.Backup.Monitoring;
using UnifiedMemory.Backup.Programs;

namespace UnifiedMemory.Backup.Physical;

/// <summary>
/// pg_basebackup as one stream, with the log that makes it consistent and a manifest that pg_verifybackup compares it with.
/// </summary>
internal sealed partial class BaseBackup(BackupOptions options, StoreNames names, PostgresPrograms programs, ILogger logger)
{
    private const string FileNameSql =
        "SELECT file_name, file_offset, current_setting('archive_mode') = 'off' FROM pg_walfile_name_offset(@position::pg_lsn)";

    /// <summary>Where nothing holds the log, what the copy began with may be gone when its end is written. It ends with its session.</summary>
    private const string HoldLogSql = "SELECT pg_create_physical_replication_slot(@slot, immediately_reserve => true, temporary => true)";

    private const string LetLogGoSql = "SELECT pg_drop_replication_slot(@slot)";

    public async Task<(RecordedContents Contents, long Bytes, string Sha256, string FirstWalFile)> RunAsync(
        BackupSession session, BackupId id, IProgress<BackupProgress>? progress, CancellationToken cancellationToken)
    {
        var path = await programs.FindAsync("pg_basebackup", session.ServerMajor, exactly: false, cancellationToken).ConfigureAwait(false);
        progress?.Report(new BackupProgress(id.ToString(), BackupPhase.Recording, 0));
        RecordedContents contents;
        var transaction = await session.Connection
            .BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken).ConfigureAwait(false);
        await using (transaction.ConfigureAwait(false))
            contents = await new ContentReader(names).ReadAsync(session.Connection, withRows: true, cancellationToken).ConfigureAwait(false);

        var label = await session.LabelAsync(options.Target!, cancellationToken).ConfigureAwait(false);
        var slot = $"unifiedmemory_backup_{session.Store}";
        await session.Connection.ExecuteAsync(new CommandDefinition(HoldLogSql, new { slot }, cancellationToken: cancellationToken)).ConfigureAwait(false);
        try
        {
            var (bytes, sha256, messages) = await ProgramOutput.KeepAsync(
                options.Target!, id.Data, CallOf(path, session, $"{id} {label}"),
                copied => progress?.Report(new BackupProgress(id.ToString(), BackupPhase.Copying, copied)), cancellationToken).ConfigureAwait(false);
            var start = StartPoint().Match(messages);
            if (!start.Success)
                throw new UnifiedMemoryException("backup", $"pg_basebackup did not say where its log starts: {messages}", isTransient: false);
            var (file, offset, isReceived) = await session.Connection.QuerySingleAsync<(string, int, bool)>(new CommandDefinition(
                FileNameSql, new { position = start.Groups["position"].Value }, cancellationToken: cancellationToken)).ConfigureAwait(false);
            var timeline = int.Parse(start.Groups["timeline"].ValueSpan, CultureInfo.InvariantCulture);
            var firstFile = timeline.ToString("X8", CultureInfo.InvariantCulture) + file[8..];

            // Where the server archives, its own marker comes, and archive_command refuses to change what is there.
            if (isReceived)
                Mark(firstFile, offset, $"{id} {label}");
            return (contents, bytes, sha256, firstFile);
        }
        catch
        {
            await session.EndProgramsAsync(CancellationToken.None).ConfigureAwait(false);
            throw;
        }
        finally
        {
            // With a session that is lost, it is gone.
            if (session.Connection.State == ConnectionState.Open)
                await session.Connection.ExecuteAsync(LetLogGoSql, new { slot }).ConfigureAwait(false);
        }
    }

    private void Mark(string firstFile, int offset, string label)
    {
        if (options.WalArchive is not { } archive)
            return;
        try
        {
            BackupMarker.Write(archive, firstFile, offset, label);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Log.NotMarked(logger, exception, archive, firstFile);
        }
    }

    private ProgramCall CallOf(string path, BackupSession session, string label) =>
        new(path,
        [
            "--pgdata=-", "--format=tar", "--wal-method=fetch", "--checkpoint=fast", "--manifest-checksums=SHA256", "--no-password", "--verbose",
            $"--label={label}",

            // Not every version takes 0 for none.
            .. options.CompressionLevel == 0 ? [] : new[] { string.Create(CultureInfo.InvariantCulture, $"--compress={options.CompressionLevel}") },
        ])
        {
            Environment = session.Programs.ToEnvironment(),
        };

    [GeneratedRegex(@"log start point: (?<position>[0-9A-F]+/[0-9A-F]+) on timeline (?<timeline>\d+)")]
    private static partial Regex StartPoint();
}
