using System.Globalization;
using Dapper;
using UnifiedMemory.Backup.Catalogue;
using UnifiedMemory.Backup.Contents;
using UnifiedMemory.Backup.Programs;

namespace UnifiedMemory.Backup.Dumping;

/// <summary>
/// pg_dump of a store's schemas. What the manifest counts is of the same snapshot as the dump, while the store is written to.
/// </summary>
internal sealed class LogicalDump(BackupOptions options, StoreNames names, PostgresPrograms programs)
{
    private const string SnapshotSql = "SELECT pg_export_snapshot()";

    public async Task<(RecordedContents Contents, long Bytes, string Sha256)> RunAsync(
        BackupSession session, BackupId id, IProgress<BackupProgress>? progress, CancellationToken cancellationToken)
    {
        var path = await programs.FindAsync("pg_dump", session.ServerMajor, exactly: false, cancellationToken).ConfigureAwait(false);
        progress?.Report(new BackupProgress(id.ToString(), BackupPhase.Recording, 0));
        var transaction = await session.Connection
            .BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancellationToken).ConfigureAwait(false);
        await using (transaction.ConfigureAwait(false))
        {
            var snapshot = await session.Connection.ExecuteScalarAsync<string>(
                new CommandDefinition(SnapshotSql, cancellationToken: cancellationToken)).ConfigureAwait(false);
            var contents = await new ContentReader(names).ReadAsync(session.Connection, withRows: true, cancellationToken).ConfigureAwait(false);
            try
            {
                var (bytes, sha256, _) = await ProgramOutput.KeepAsync(
                    options.Target!, id.Data, CallOf(path, session, contents.Schemas, snapshot!),
                    copied => progress?.Report(new BackupProgress(id.ToString(), BackupPhase.Copying, copied)), cancellationToken).ConfigureAwait(false);
                return (contents, bytes, sha256);
            }
            catch
            {
                // Whatever has happened, no session of pg_dump's stays.
                await session.EndProgramsAsync(CancellationToken.None).ConfigureAwait(false);
                throw;
            }
        }
    }

    private ProgramCall CallOf(string path, BackupSession session, IReadOnlyList<string> schemas, string snapshot) =>
        new(path,
        [
            "--format=custom",
            string.Create(CultureInfo.InvariantCulture, $"--compress={options.CompressionLevel}"),
            string.Create(CultureInfo.InvariantCulture, $"--lock-wait-timeout={options.LockTimeout.TotalMilliseconds:0}"),
            $"--snapshot={snapshot}",
            "--no-password",
            .. schemas.Select(schema => $"--schema={RowText.Quote(schema)}"),
        ])
        {
            Environment = session.Programs.ToEnvironment("-c statement_timeout=0 -c idle_in_transaction_session_timeout=0"),
        };
}
