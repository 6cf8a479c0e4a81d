using UnifiedMemory.Backup.Catalogue;
using UnifiedMemory.Backup.Dumping;
using UnifiedMemory.Backup.Keeping;
using UnifiedMemory.Backup.Monitoring;
using UnifiedMemory.Backup.Physical;

namespace UnifiedMemory.Backup;

public sealed partial class StoreBackup
{
    /// <summary>
    /// A backup as a schedule makes it: taken, verified (<see cref="BackupOptions.VerifyAfterBackup"/>), and when it passed, older ones
    /// go as <see cref="BackupOptions.Retention"/> says. When that fails, it is an error in the log, and the next one does it.
    /// </summary>
    /// <param name="kind">How it is made.</param>
    /// <param name="progress">Told what is under way.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>What the verification found; <c>null</c> when none was asked for.</returns>
    /// <exception cref="UnifiedMemoryException">
    /// It failed, or another process is at the backups. When the backup was made and could not be verified, it stays, unverified.
    /// </exception>
    public async Task<VerificationReport?> RunAsync(
        BackupKind kind = BackupKind.Logical, IProgress<BackupProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        var session = await RequireSessionAsync(cancellationToken).ConfigureAwait(false);
        await using (session.ConfigureAwait(false))
            return await RunAsync(session, kind, progress, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Removes what <see cref="BackupOptions.Retention"/> does not keep, and the archived log that no kept physical backup needs.
    /// </summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The backups that went.</returns>
    /// <exception cref="UnifiedMemoryException">Another process is making or removing backups, or the target failed.</exception>
    public async Task<IReadOnlyList<BackupEntry>> ApplyRetentionAsync(CancellationToken cancellationToken = default)
    {
        var session = await RequireSessionAsync(cancellationToken).ConfigureAwait(false);
        await using (session.ConfigureAwait(false))
            return await GuardAsync("retention", () => RemoveAsync(session, justVerified: null, cancellationToken)).ConfigureAwait(false);
    }

    /// <summary>Makes a backup for a host, which leaves it to whoever is at it, or has just done it.</summary>
    /// <returns>Whether nobody else is at it.</returns>
    internal async Task<bool> TryTakeAsync(BackupKind kind, Func<DateTimeOffset?, bool> isDue, CancellationToken cancellationToken)
    {
        var session = await GuardAsync("backup", () => BackupSession.TryOpenAsync(_address, _names.Main, cancellationToken)).ConfigureAwait(false);
        if (session is null)
        {
            Log.OtherHost(_logger, _names.Main);
            return false;
        }

        await using (session.ConfigureAwait(false))
        {
            // Only now that the lock is held: another host may have finished a moment ago.
            if (isDue(await LastAsync(kind, cancellationToken).ConfigureAwait(false)))
                await TakeAsync(session, kind, progress: null, cancellationToken).ConfigureAwait(false);
            return true;
        }
    }

    /// <summary>
    /// Verifies for a host, which leaves it to whoever is at the backups already, or has just done it; and when it passed, lets older
    /// ones go.
    /// </summary>
    /// <returns>Whether nobody else is at it.</returns>
    internal async Task<bool> TryVerifyAsync(string id, Func<VerificationReport?, bool> isDue, CancellationToken cancellationToken)
    {
        var session = await GuardAsync("verify", () => BackupSession.TryOpenAsync(_address, _names.Main, cancellationToken)).ConfigureAwait(false);
        if (session is null)
            return false;
        await using (session.ConfigureAwait(false))
        {
            if (isDue(await GetReportAsync(id, cancellationToken).ConfigureAwait(false)))
                await VerifyAndRemoveAsync(session, id, progress: null, cancellationToken).ConfigureAwait(false);
        }

        return true;
    }

    /// <summary>When the newest backup of a kind was begun. One of a clock that was ahead does not count.</summary>
    internal async Task<DateTimeOffset?> LastAsync(BackupKind kind, CancellationToken cancellationToken)
    {
        var backups = await GuardAsync("backup", () => _catalogue.ListAsync(cancellationToken)).ConfigureAwait(false);
        return backups.FirstOrDefault(backup => backup.Kind == kind && backup.StartedAt <= _time.GetUtcNow())?.StartedAt;
    }

    private async Task<VerificationReport?> RunAsync(
        BackupSession session, BackupKind kind, IProgress<BackupProgress>? progress, CancellationToken cancellationToken)
    {
        var manifest = await TakeAsync(session, kind, progress, cancellationToken).ConfigureAwait(false);
        if (!_options.VerifyAfterBackup)
            return null;
        return await VerifyAndRemoveAsync(session, manifest.Id, progress, cancellationToken).ConfigureAwait(false);
    }

    private async Task<VerificationReport> VerifyAndRemoveAsync(
        BackupSession session, string id, IProgress<BackupProgress>? progress, CancellationToken cancellationToken)
    {
        var report = await VerifyLockedAsync(id, progress, cancellationToken).ConfigureAwait(false);
        if (!report.Passed)
            return report;
        try
        {
            await GuardAsync("retention", () => RemoveAsync(session, id, cancellationToken)).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // What was found of the backup holds all the same, and the next one tries it again.
            Log.RetentionFailed(_logger, exception, id);
        }

        return report;
    }

    private async Task<IReadOnlyList<BackupEntry>> RemoveAsync(BackupSession session, string? justVerified, CancellationToken cancellationToken)
    {
        // First, over the connection that holds the lock: where it is lost, another process may be at the backups by now.
        var label = await session.LabelAsync(_options.Target!, cancellationToken).ConfigureAwait(false);
        var backups = await _catalogue.ListAsync(cancellationToken).ConfigureAwait(false);
        var removable = RetentionRules.Removable(
            backups, _options.Retention, TimeZoneInfo.FindSystemTimeZoneById(_options.TimeZone), justVerified);
        foreach (var backup in removable)
            await _catalogue.DeleteAsync(BackupId.Parse(backup.Id), cancellationToken).ConfigureAwait(false);

        // After the backups: what is interrupted in between leaves too much, and not too little.
        var walFiles = await RemoveWalAsync(label, backups, [.. backups.Except(removable)], cancellationToken).ConfigureAwait(false);
        BackupMetrics.Removed.Add(removable.Count);
        if (removable.Count > 0 || walFiles > 0)
            Log.Removed(_logger, removable.Count, walFiles);
        return removable;
    }

    private async Task<int> RemoveWalAsync(
        string ownLabel, IReadOnlyList<BackupEntry> all, IReadOnlyList<BackupEntry> kept, CancellationToken cancellationToken)
    {
        if (_options.WalArchive is not { } archive || !Directory.Exists(archive))
            return 0;
        var needed = new List<string>();
        foreach (var backup in kept.Where(backup => backup.Kind == BackupKind.Physical))
        {
            // One that cannot be read may need anything: then nothing goes.
            var manifest = await ReadForRestoreAsync(BackupId.Parse(backup.Id), cancellationToken).ConfigureAwait(false);
            needed.Add(manifest.FirstWalFile ?? throw new UnifiedMemoryException(
                "retention", $"{backup.Id} does not say which log it needs, so none is removed.", isTransient: false));
        }

        if (needed.Count == 0)
            return 0;
        var own = all.Select(backup => backup.Id).ToHashSet();
        var names = Directory.EnumerateFiles(archive).Select(path => Path.GetFileName(path)!).ToList();
        var markers = new List<(string Name, string Id, bool IsLabelOwn)>();
        foreach (var name in names.Where(WalFiles.IsOfBackup))
        {
            var (id, label) = LabelIn(await File.ReadAllLinesAsync(Path.Combine(archive, name), cancellationToken).ConfigureAwait(false));
            markers.Add((name, id, label == ownLabel));
        }

        // A base backup of somebody else's needs the log from there on. One that was here a moment ago is own also under another label, which
        // changes with the target's path; unless own labels tell which one it is: two databases may have begun theirs in the same millisecond.
        own.ExceptWith(markers.Where(marker => marker.IsLabelOwn).Select(marker => marker.Id));
        var foreign = markers.Where(marker => !marker.IsLabelOwn && !own.Contains(marker.Id)).Select(marker => marker.Name).ToList();
        var removable = WalFiles.Removable(names, [.. needed, .. foreign]).ToList();
        if (removable.Count < WalFiles.Removable(names, needed).Count())
            Log.KeptForOthers(_logger, Path.Combine(archive, WalFiles.Oldest(foreign)));
        foreach (var name in removable)
            File.Delete(Path.Combine(archive, name));
        return removable.Count;
    }

    /// <returns>Both empty for what is not of a store of this schema.</returns>
    private (string Id, string Label) LabelIn(IEnumerable<string> lines) =>
        lines.FirstOrDefault(line => line.StartsWith(BackupMarker.LabelLine, StringComparison.Ordinal)) is { } line
        && line[BackupMarker.LabelLine.Length..].Split(' ') is [var id, var label]
        && BackupId.TryParse(id, out var backup, out _) && backup.Schema == _names.Main ? (id, label) : ("", "");
}
