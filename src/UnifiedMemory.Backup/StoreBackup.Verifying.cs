using System.Diagnostics;
using System.Text.Json;
using Npgsql;
using UnifiedMemory.Backup.Catalogue;
using UnifiedMemory.Backup.Dumping;
using UnifiedMemory.Backup.Monitoring;
using UnifiedMemory.Backup.Physical;
using UnifiedMemory.Backup.Programs;
using UnifiedMemory.Backup.Restoring;
using UnifiedMemory.Backup.Verifying;

namespace UnifiedMemory.Backup;

public sealed partial class StoreBackup
{
    /// <summary>
    /// Proves a backup, or shows that it cannot be relied on: its hash; reading all of it; restoring it into a scratch database; and
    /// there versions, rows of each table, sampled rows, indexes, constraints, pg_amcheck where there is one, and the store itself,
    /// which must open and find what it found before. With <see cref="BackupOptions.WalArchive"/>, a physical one rests on an archive
    /// without a hole. The report is kept beside the backup. A failure is a critical log line, a metric, and the state of the health check.
    /// </summary>
    /// <remarks>
    /// What it works with may fail: a server, a program, the disk. That is an exception, and says nothing about the backup, whose state
    /// stays what it was. When the live server is out of reach, it verifies without the lock that keeps others from doing it, too.
    /// </remarks>
    /// <param name="id">The backup.</param>
    /// <param name="progress">Told what is under way.</param>
    /// <param name="cancellationToken">Ends the call; what was restored goes.</param>
    /// <returns>What was found; <see cref="VerificationReport.Passed"/> says whether the backup can be relied on.</returns>
    /// <exception cref="UnifiedMemoryException">
    /// It could not be verified: there is no server to restore into, a program is missing, a connection was lost, the disk is full; or
    /// another process is at the backups of this store.
    /// </exception>
    /// <exception cref="FileNotFoundException">There is no such backup.</exception>
    public async Task<VerificationReport> VerifyAsync(
        string id, IProgress<BackupProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        BackupId.Parse(id);
        BackupSession? session = null;
        try
        {
            session = await RequireSessionAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (UnifiedMemoryException exception) when (exception.InnerException is NpgsqlException)
        {
            // A backup is needed most when its server is gone.
            Log.VerifiedWithoutLock(_logger, exception, id);
        }

        try
        {
            return await VerifyLockedAsync(id, progress, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            if (session is not null)
                await session.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task<VerificationReport> VerifyLockedAsync(string id, IProgress<BackupProgress>? progress, CancellationToken cancellationToken)
    {
        var backup = BackupId.Parse(id);
        VerificationReport report;
        try
        {
            report = await GuardAsync("verify", () => VerifyAsync(backup, progress, cancellationToken)).ConfigureAwait(false);
        }
        catch (UnifiedMemoryException)
        {
            BackupMetrics.Verifications.Add(1, new TagList { { "kind", backup.Kind.ToString() }, { "outcome", "impossible" } });
            throw;
        }

        // First, since the report may not be written.
        BackupMetrics.Verifications.Add(
            1, new TagList { { "kind", backup.Kind.ToString() }, { "outcome", report.Passed ? "passed" : "failed" } });
        if (report.RecoveryTime is { } recovery)
            BackupMetrics.RecoveryDuration.Record(recovery.TotalSeconds, new KeyValuePair<string, object?>("kind", backup.Kind.ToString()));
        if (report.Passed)
            Log.Verified(_logger, id, report.Duration, report.RecoveryTime);
        else
            Log.VerificationFailed(_logger, id, report.Failure);
        return await GuardAsync("verify", async () =>
        {
            await _catalogue.WriteReportAsync(backup, report, cancellationToken).ConfigureAwait(false);
            return report;
        }).ConfigureAwait(false);
    }

    private async Task<VerificationReport> VerifyAsync(BackupId id, IProgress<BackupProgress>? progress, CancellationToken cancellationToken)
    {
        var startedAt = _time.GetUtcNow();
        var started = _time.GetTimestamp();
        var checks = new CheckList(_time);
        BackupManifest? manifest = null;
        await checks.RunAsync("manifest", async () =>
        {
            try
            {
                manifest = await _catalogue.ReadManifestAsync(id, cancellationToken).ConfigureAwait(false);
                return $"{manifest.Tables.Count} tables, {manifest.Bytes} bytes, made by {manifest.Host}";
            }
            catch (JsonException exception)
            {
                throw new CheckFailedException($"{id.Manifest} is damaged: {exception.Message}");
            }
        }).ConfigureAwait(false);
        var usable = manifest is not null
            && await checks.RunAllAsync(() => VerifyAsync(checks, manifest, progress, cancellationToken)).ConfigureAwait(false);
        return Report(id, checks, startedAt, started, usable);
    }

    /// <returns>Whether it came to a store that opens.</returns>
    private async Task<bool> VerifyAsync(
        CheckList checks, BackupManifest manifest, IProgress<BackupProgress>? progress, CancellationToken cancellationToken)
    {
        // First: for nothing, a file of any size would be fetched.
        if (manifest.Kind == BackupKind.Logical)
            await new LogicalRestore(_options, _programs, manifest).FindAsync(cancellationToken).ConfigureAwait(false);
        else
            await new PhysicalRestore(_programs, _address, manifest, _time).FindProgramsAsync(cancellationToken).ConfigureAwait(false);
        FetchedFile? file = null;
        try
        {
            if (!await checks.RunAsync("hash", async () =>
            {
                file = await FetchedFile.FetchAsync(_options, manifest, progress, cancellationToken).ConfigureAwait(false);
                return $"SHA-256 {manifest.Sha256[..12]}… over {manifest.Bytes} bytes";
            }, recovers: true).ConfigureAwait(false))
                return false;
            return manifest.Kind == BackupKind.Logical
                ? await VerifyLogicalAsync(checks, manifest, file!.Path, progress, cancellationToken).ConfigureAwait(false)
                : await new PhysicalRestore(_programs, _address, manifest, _time).RunAsync(
                    checks, file!.Path, dataDirectory: null, _options.WorkDirectory, _options.WalArchive, targetTime: null,
                    phase => progress?.Report(new BackupProgress(manifest.Id, phase, 0)), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            file?.Dispose();
        }
    }

    private async Task<bool> VerifyLogicalAsync(
        CheckList checks, BackupManifest manifest, string path, IProgress<BackupProgress>? progress, CancellationToken cancellationToken)
    {
        var restore = new LogicalRestore(_options, _programs, manifest);
        progress?.Report(new BackupProgress(manifest.Id, BackupPhase.Reading, 0));
        if (!await checks.RunAsync("archive", () => restore.ReadAsync(path, cancellationToken)).ConfigureAwait(false))
            return false;
        progress?.Report(new BackupProgress(manifest.Id, BackupPhase.Restoring, 0));
        var scratch = await ScratchDatabase.CreateAsync(_options, cancellationToken).ConfigureAwait(false);
        await using (scratch.ConfigureAwait(false))
        {
            return await checks.RunAsync(
                    "restore", async () => $"{await restore.RestoreAsync(path, scratch.Address, isNew: true, insights: null, cancellationToken).ConfigureAwait(false)}, in {scratch.Description}",
                    recovers: true).ConfigureAwait(false)
                && await CheckRestoredAsync(checks, manifest, scratch.Address, insights: null, progress, cancellationToken).ConfigureAwait(false);
        }
    }

    private Task<bool> CheckRestoredAsync(
        CheckList checks, BackupManifest manifest, ServerAddress address, QueuedInsights? insights, IProgress<BackupProgress>? progress,
        CancellationToken cancellationToken)
    {
        progress?.Report(new BackupProgress(manifest.Id, BackupPhase.Checking, 0));
        return new RestoredStore(_programs, manifest, insights).CheckAsync(checks, address, isScratch: insights is null, isLater: false, cancellationToken);
    }

    private VerificationReport Report(BackupId id, CheckList checks, DateTimeOffset startedAt, long started, bool usable) => new()
    {
        Id = id.ToString(),
        Target = _options.Target!.Description,
        StartedAt = startedAt,
        Duration = _time.GetElapsedTime(started),
        RecoveryTime = usable ? checks.RecoveryTime : null,
        Checks = checks.Checks,
    };
}
