using System.Text.Json;
using UnifiedMemory.Backup.Catalogue;
using UnifiedMemory.Backup.Monitoring;
using UnifiedMemory.Backup.Physical;
using UnifiedMemory.Backup.Restoring;
using UnifiedMemory.Backup.Verifying;

namespace UnifiedMemory.Backup;

public sealed partial class StoreBackup
{
    /// <summary>
    /// Restores a logical backup into a database, all of it or nothing, builds its indexes, and makes the checks of a verification there.
    /// Roles and grants are not part of it: grant again what the application's role needs. What was queued for a sink counts as tried, since
    /// it may have been delivered after the backup: the sink looks before it takes it again. Stop the hosts first, see
    /// <see cref="RestoreOptions.ReplaceExisting"/>.
    /// </summary>
    /// <param name="id">The backup.</param>
    /// <param name="options">Where to.</param>
    /// <param name="progress">Told what is under way.</param>
    /// <param name="cancellationToken">
    /// Ends the call. Until <see cref="BackupPhase.Checking"/> nothing is restored then; from there on the store is in its place, and the
    /// message of the exception says so.
    /// </param>
    /// <returns>What the checks found; all passed.</returns>
    /// <exception cref="InvalidOperationException">There is a store in that database, and it was not asked for twice to replace it.</exception>
    /// <exception cref="UnifiedMemoryException">
    /// It failed, or a check did or could not be made. Where the store is in its place all the same, the message says so, what the former
    /// one is called, and whether what is queued is marked.
    /// </exception>
    public Task<VerificationReport> RestoreAsync(
        string id, RestoreOptions options, IProgress<BackupProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return RestoreAsync(id, BackupKind.Logical, targetTime: null, async (checks, manifest, path, into) =>
        {
            var restore = new LogicalRestore(_options, _programs, manifest);
            if (!await checks.RunAsync("archive", () => restore.ReadAsync(path, cancellationToken)).ConfigureAwait(false))
                return;
            var database = await DestinationDatabase.PrepareAsync(options, manifest, _time, cancellationToken).ConfigureAwait(false);
            var insights = new QueuedInsights(manifest);
            var isRestored = false;
            try
            {
                progress?.Report(new BackupProgress(manifest.Id, BackupPhase.Restoring, 0));
                isRestored = await checks.RunAsync(
                    "restore",
                    async () => await restore.RestoreAsync(path, database.Address, database.IsNew, insights, cancellationToken).ConfigureAwait(false) + database.Kept,
                    recovers: true).ConfigureAwait(false);
            }
            finally
            {
                if (!isRestored)
                    await database.PutBackAsync().ConfigureAwait(false);
            }

            into(database.Address.Database + database.Kept);
            if (!isRestored)
                return;
            await checks.RunAsync("insights", () => Task.FromResult(insights.Outcome())).ConfigureAwait(false);
            await CheckRestoredAsync(checks, manifest, database.Address, insights, progress, cancellationToken).ConfigureAwait(false);
        }, progress, cancellationToken);
    }

    /// <summary>
    /// Restores a physical backup into a directory, lets a server recover there to the moment asked for, and makes the checks of a
    /// verification. The server is stopped then: start it as the platform starts servers. A moment that the log does not reach fails, and so
    /// does a segment of the log that cannot be read. Without a moment, a log that has a hole or is damaged is recovered up to there, which
    /// the check <c>restore</c> tells. What was queued for a sink counts as tried, where the role may write; else the check <c>insights</c>
    /// tells what to run.
    /// </summary>
    /// <param name="id">The backup.</param>
    /// <param name="options">Where to, and to which moment.</param>
    /// <param name="progress">Told what is under way.</param>
    /// <param name="cancellationToken">
    /// Ends the call, and the server. From <see cref="BackupPhase.Checking"/> on the directory is of use, and the message of the exception says so.
    /// </param>
    /// <returns>What the checks found; all passed.</returns>
    /// <exception cref="ArgumentException">
    /// The directory is not empty, a time is asked for without a log, or one before the backup was finished.
    /// </exception>
    /// <exception cref="UnifiedMemoryException">
    /// It failed, or a check did or could not be made. Unless the message says that it is restored, what is in the directory is of no use.
    /// </exception>
    public Task<VerificationReport> RestoreServerAsync(
        string id, ServerRestoreOptions options, IProgress<BackupProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        var walArchive = options.WalArchive ?? _options.WalArchive;
        if (options.TargetTime is not null && walArchive is null)
            throw new ArgumentException("A moment can be restored with the write-ahead log only: set WalArchive.", nameof(options));
        return RestoreAsync(id, BackupKind.Physical, options.TargetTime, async (checks, manifest, path, into) =>
        {
            into(options.DataDirectory);
            await new PhysicalRestore(_programs, _address, manifest, _time).RunAsync(
                checks, path, options.DataDirectory, _options.WorkDirectory, walArchive, options.TargetTime,
                phase => progress?.Report(new BackupProgress(manifest.Id, phase, 0)), cancellationToken).ConfigureAwait(false);
        }, progress, cancellationToken);
    }

    /// <param name="id">The backup.</param>
    /// <param name="kind">What it must be.</param>
    /// <param name="targetTime">The moment that is asked for.</param>
    /// <param name="restore">Restores and checks the file of a backup, and tells where to before it checks.</param>
    /// <param name="progress">Told what is under way.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    private Task<VerificationReport> RestoreAsync(
        string id, BackupKind kind, DateTimeOffset? targetTime, Func<CheckList, BackupManifest, string, Action<string>, Task> restore,
        IProgress<BackupProgress>? progress, CancellationToken cancellationToken)
    {
        var backup = BackupId.Parse(id);
        if (backup.Kind != kind)
        {
            throw new ArgumentException(
                $"'{id}' is a {backup.Kind} backup. RestoreAsync() is for logical ones, RestoreServerAsync() for physical ones.", nameof(id));
        }

        return GuardAsync("restore", async () =>
        {
            var startedAt = _time.GetUtcNow();
            var started = _time.GetTimestamp();
            var checks = new CheckList(_time);
            var manifest = await ReadForRestoreAsync(backup, cancellationToken).ConfigureAwait(false);

            // The server would stop where the backup is consistent, and call that the moment.
            if (targetTime < manifest.FinishedAt)
            {
                throw new ArgumentException(
                    $"{id} was finished at {manifest.FinishedAt:O}, after {targetTime:O}. For that moment, take an older backup.", nameof(targetTime));
            }

            FetchedFile? file = null;
            var destination = "";
            try
            {
                if (await checks.RunAsync("hash", async () =>
                {
                    file = await FetchedFile.FetchAsync(_options, manifest, progress, cancellationToken).ConfigureAwait(false);
                    return "as recorded";
                }, recovers: true).ConfigureAwait(false))
                {
                    await checks.RunAllAsync(async () =>
                    {
                        await restore(checks, manifest, file!.Path, place => destination = place).ConfigureAwait(false);
                        return true;
                    }).ConfigureAwait(false);
                }
            }
            catch (OperationCanceledException exception) when (checks.HasPassed("restore"))
            {
                throw new OperationCanceledException($"{id} is restored into {destination}, {Marked(checks)}; the checks after it were cancelled.", exception, cancellationToken);
            }
            catch (Exception exception) when (checks.HasPassed("restore"))
            {
                throw new UnifiedMemoryException(
                    "restore", $"{id} is restored into {destination}, {Marked(checks)}; the checks after it could not be made: {exception.Message}", isTransient: false, exception);
            }
            finally
            {
                file?.Dispose();
            }

            var report = Report(backup, checks, startedAt, started, usable: true);
            if (!report.Passed)
            {
                var place = destination.Length > 0 ? $" into {destination}" : "";
                throw new UnifiedMemoryException(
                    "restore", (checks.HasPassed("restore") ? $"{id} is restored{place}, {Marked(checks)}, and a check failed. " : $"The restore of {id}{place} failed. ") + report.Failure
                    + (checks.Interruption.Length == 0 ? "" : $". {checks.Interruption}"), isTransient: false);
            }

            Log.Restored(_logger, id, destination, report.Duration);
            return report;
        });
    }

    private static string Marked(CheckList checks) =>
        checks.HasPassed("insights") ? "what is queued for sinks is marked as tried" : "what is queued for sinks is not marked as tried";

    private async Task<BackupManifest> ReadForRestoreAsync(BackupId id, CancellationToken cancellationToken)
    {
        try
        {
            return await _catalogue.ReadManifestAsync(id, cancellationToken).ConfigureAwait(false);
        }
        catch (JsonException exception)
        {
            throw new UnifiedMemoryException("restore", $"{id.Manifest} is damaged: {exception.Message}", isTransient: false, exception);
        }
    }
}
