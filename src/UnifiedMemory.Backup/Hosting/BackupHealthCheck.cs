using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace UnifiedMemory.Backup.Hosting;

/// <summary>Says of each kind whether there is a backup that can be relied on, and a recent one; the worst is what counts.</summary>
internal sealed class BackupHealthCheck(StoreBackup backup, TimeProvider time) : IHealthCheck
{
    /// <summary>How long after its time a backup may still be under way, where the schedule is sparser than <see cref="BackupOptions.StaleAfter"/>.</summary>
    private static readonly TimeSpan Late = TimeSpan.FromDays(1);

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var backups = await backup.ListAsync(cancellationToken).ConfigureAwait(false);
        var results = Enum.GetValues<BackupKind>()
            .Where(kind => ScheduleOf(kind) is not null || backups.Any(one => one.Kind == kind))
            .Select(kind => Judge(kind, Credible(backups, kind)))
            .ToList();
        return results.Count == 0
            ? HealthCheckResult.Unhealthy("There is no verified backup.")
            : new HealthCheckResult(results.Min(one => one.Status), string.Join(' ', results.OrderBy(one => one.Status).Select(one => one.Description)));
    }

    /// <summary>What bears a later time than now was made while the clock was wrong, and would stand before every other one.</summary>
    private List<BackupEntry> Credible(IReadOnlyList<BackupEntry> backups, BackupKind kind)
    {
        var all = backups.Where(one => one.Kind == kind).ToList();
        var past = all.FindAll(one => one.StartedAt <= time.GetUtcNow());
        return past.Count > 0 ? past : all;
    }

    /// <summary>One made by hand beside scheduled ones of the other kind is not what is relied on.</summary>
    private HealthCheckResult Judge(BackupKind kind, List<BackupEntry> backups)
    {
        var result = JudgeAlone(kind, backups);
        return result.Status == HealthStatus.Unhealthy && ScheduleOf(kind) is null && Enum.GetValues<BackupKind>().Any(one => ScheduleOf(one) is not null)
            ? HealthCheckResult.Degraded(result.Description) : result;
    }

    private HealthCheckResult JudgeAlone(BackupKind kind, List<BackupEntry> backups)
    {
        var good = backups.Find(one => one.State == BackupState.Verified);
        if (backups.Find(one => one.State != BackupState.Unverified) is { State: BackupState.Failed } failed)
            return HealthCheckResult.Unhealthy($"The backup {failed.Id} failed its verification; the newest good one is {good?.Id ?? "none"}.");
        if (good is null)
            return HealthCheckResult.Unhealthy($"There is no verified {kind} backup.");
        var age = time.GetUtcNow() - good.StartedAt;
        return IsStale(kind, good)
            ? HealthCheckResult.Degraded($"The newest verified {kind} backup, {good.Id}, is {age.TotalHours:0} hours old.")
            : HealthCheckResult.Healthy($"{good.Id}, {age.TotalHours:0} hours old.");
    }

    private bool IsStale(BackupKind kind, BackupEntry good)
    {
        if (time.GetUtcNow() - good.StartedAt <= backup.Options.StaleAfter)
            return false;

        // A weekly one is not stale because a week is long, and one made by hand beside scheduled ones of the other kind is not missed.
        if (ScheduleOf(kind) is { } expression)
            return time.GetUtcNow() > new CronSchedule(expression, backup.Options.TimeZone).DueAfter(good.StartedAt, time.GetUtcNow()) + Late;
        return Enum.GetValues<BackupKind>().All(one => ScheduleOf(one) is null);
    }

    private string? ScheduleOf(BackupKind kind) => kind == BackupKind.Logical ? backup.Options.Schedule : backup.Options.PhysicalSchedule;
}
