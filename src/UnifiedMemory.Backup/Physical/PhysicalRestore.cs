using System.Globalization;
using UnifiedMemory.Backup.Programs;
using UnifiedMemory.Backup.Verifying;

namespace UnifiedMemory.Backup.Physical;

/// <summary>From a base backup, and the log after it, to a server that takes writes; and the checks of what is in it.</summary>
internal sealed class PhysicalRestore(PostgresPrograms programs, ServerAddress live, BackupManifest manifest, TimeProvider time)
{
    /// <param name="checks">Where the outcome goes.</param>
    /// <param name="archive">A copy of the backup.</param>
    /// <param name="dataDirectory">Where the data goes; <c>null</c> when it is not kept.</param>
    /// <param name="workDirectory">For the socket, and for data that is not kept.</param>
    /// <param name="walArchive">The log after the backup; <c>null</c> for the backup alone.</param>
    /// <param name="targetTime">Where to stop; <c>null</c> for the end of the log.</param>
    /// <param name="onPhase">Told what is under way.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>Whether it came to a store that opens.</returns>
    public async Task<bool> RunAsync(
        CheckList checks, string archive, string? dataDirectory, string workDirectory, string? walArchive, DateTimeOffset? targetTime,
        Action<BackupPhase> onPhase, CancellationToken cancellationToken)
    {
        var (postgres, verify) = await FindProgramsAsync(cancellationToken).ConfigureAwait(false);
        var control = Path.Combine(Path.GetDirectoryName(postgres)!, "pg_ctl");
        using var sockets = await SocketDirectory.CreateAsync(workDirectory, control, cancellationToken).ConfigureAwait(false);
        var directory = ServerDirectory.Create(dataDirectory ?? sockets.Data);
        onPhase(BackupPhase.Reading);
        if (!await checks.RunAsync(
            "archive", () => directory.UnpackAsync(manifest, archive, verify, cancellationToken), recovers: true).ConfigureAwait(false))
            return false;

        // Before the directory is given to the server's user.
        ArchivedLog? log = null;
        var remark = "";
        if (walArchive is not null)
        {
            var archived = new ArchiveCheck(walArchive, directory.Path, time);
            if (dataDirectory is null)
            {
                await checks.RunAsync("wal", async () =>
                {
                    (var detail, log) = await archived.RunAsync(live, cancellationToken).ConfigureAwait(false);
                    return detail;
                }).ConfigureAwait(false);
            }
            else if (targetTime is null)
            {
                // Whoever recovers wants what there is, and must know when it is not all.
                log = archived.Read();
                if (log.Problem.Length > 0)
                    remark = $"; the log is not whole: {log.Problem}";
            }
        }

        var arguments = new RecoverySettings(directory.Path, sockets.Path, walArchive, targetTime).Write();
        await directory.GiveToServerAsync(cancellationToken).ConfigureAwait(false);
        await sockets.GiveToAsync(directory.ServerUser, cancellationToken).ConfigureAwait(false);
        var address = live.With(change =>
        {
            change.Host = sockets.Path;
            change.Port = 5432;
            change.Database = manifest.Database;
            change.SslMode = Npgsql.SslMode.Disable;
            change.TargetSessionAttributes = null;
        });
        onPhase(BackupPhase.Restoring);
        var server = RecoveringServer.Start(directory, postgres, arguments);
        await using (server.ConfigureAwait(false))
        {
            if (!await checks.RunAsync(
                "restore", async () => await server.WaitAsync(
                    address, targetTime, log, isAllNeeded: dataDirectory is null, time, cancellationToken).ConfigureAwait(false) + remark, recovers: true).ConfigureAwait(false))
                return false;
            onPhase(BackupPhase.Checking);
            QueuedInsights? insights = null;
            if (dataDirectory is not null)
            {
                insights = new QueuedInsights(manifest);
                await checks.RunAsync("insights", async () =>
                {
                    var connection = await address.OpenAsync(cancellationToken).ConfigureAwait(false);
                    await using (connection.ConfigureAwait(false))
                        await insights.MarkAsync(connection, cancellationToken).ConfigureAwait(false);
                    return insights.Outcome();
                }).ConfigureAwait(false);
            }

            return await new RestoredStore(programs, manifest, insights).CheckAsync(
                checks, address, isScratch: dataDirectory is null, isLater: dataDirectory is not null || (log?.GoesOn ?? walArchive is not null),
                cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>A base backup is for its own major version.</summary>
    /// <exception cref="UnifiedMemoryException">One is missing.</exception>
    public async Task<(string Postgres, string Verify)> FindProgramsAsync(CancellationToken cancellationToken)
    {
        var major = int.Parse(manifest.ServerVersion.Split('.')[0], CultureInfo.InvariantCulture);
        return (
            await programs.FindAsync("postgres", major, exactly: true, cancellationToken).ConfigureAwait(false),
            await programs.FindAsync("pg_verifybackup", major, exactly: true, cancellationToken).ConfigureAwait(false));
    }
}
