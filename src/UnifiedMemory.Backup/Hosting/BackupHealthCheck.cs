using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace UnifiedMemory.Backup.Hosting;

/// <summary>Says whether there is a backup that can be relied on, and a recent one.</summary>
internal sealed class BackupHealthCheck(StoreBackup backup, TimeProvider time) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var backups = await backup.ListAsync(cancellationToken).ConfigureAwait(false);
        var good = backups.FirstOrDefault(one => one.State == BackupState.Verified);
        if (backups.FirstOrDefault(one => one.State != BackupState.Unverified) is { State: BackupState.Failed } failed)
            return HealthCheckResult.Unhealthy($"The backup {failed.Id} failed its verification; the newest good one is {good?.Id ?? "none"}.");
        if (good is null)
            return HealthCheckResult.Unhealthy("There is no verified backup.");
        var age = time.GetUtcNow() - good.StartedAt;
        return age > backup.Options.StaleAfter
            ? HealthCheckResult.Degraded($"The newest verified backup, {good.Id}, is {age.TotalHours:0} hours old.")
            : HealthCheckResult.Healthy($"{good.Id}, {age.TotalHours:0} hours old");
    }
}
