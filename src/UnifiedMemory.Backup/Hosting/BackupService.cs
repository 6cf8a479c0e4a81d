using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using UnifiedMemory.Backup.Monitoring;

namespace UnifiedMemory.Backup.Hosting;

/// <summary>
/// The schedules of a host. What was made last is read from the target, so that hosts agree on it and downtime is made up for.
/// </summary>
internal sealed class BackupService(StoreBackup backup, ILogger logger, TimeProvider time) : BackgroundService
{
    /// <summary>A timer holds 49 days; and a clock that was set is noticed within it.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromHours(1);

    private static readonly TimeSpan ArchivingInterval = TimeSpan.FromMinutes(5);

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var options = backup.Options;
        return Task.WhenAll(
            EachAsync(options.Schedule, Run(BackupKind.Logical), stoppingToken),
            EachAsync(options.PhysicalSchedule, Run(BackupKind.Physical), stoppingToken),
            EachAsync(options.VerificationSchedule, Verify(BackupKind.Logical), stoppingToken),
            EachAsync(options.VerificationSchedule, Verify(BackupKind.Physical), stoppingToken),
            EachAsync(options.WalArchive, (_, token) => CheckArchivingAsync(token), stoppingToken));

        Func<string, CancellationToken, Task<DateTimeOffset>> Run(BackupKind kind)
        {
            var retries = new VerificationRetries(options.RetryDelay);
            return (schedule, token) => RunAsync(kind, schedule, retries, token);
        }

        Func<string, CancellationToken, Task<DateTimeOffset>> Verify(BackupKind kind)
        {
            var retries = new VerificationRetries(options.RetryDelay);
            return (schedule, token) => VerifyAsync(kind, schedule, retries, token);
        }
    }

    /// <param name="schedule">Null for never.</param>
    /// <param name="work">Does it when it is due, and returns when it is due next.</param>
    /// <param name="stoppingToken">Ends it.</param>
    private async Task EachAsync(string? schedule, Func<string, CancellationToken, Task<DateTimeOffset>> work, CancellationToken stoppingToken)
    {
        if (schedule is null)
            return;
        await Task.Yield();
        while (true)
        {
            var due = await work(schedule, stoppingToken).ConfigureAwait(false);
            var wait = due - time.GetUtcNow();
            if (wait > TimeSpan.Zero)
                await Task.Delay(wait < LongestWait ? wait : LongestWait, time, stoppingToken).ConfigureAwait(false);
        }
    }

    private async Task<DateTimeOffset> RunAsync(BackupKind kind, string expression, VerificationRetries retries, CancellationToken stoppingToken)
    {
        var schedule = new CronSchedule(expression, backup.Options.TimeZone);
        try
        {
            var due = await DueAsync().ConfigureAwait(false);
            if (due <= time.GetUtcNow())
            {
                if (!await backup.TryTakeAsync(kind, last => schedule.DueAfter(last, time.GetUtcNow()) <= time.GetUtcNow(), stoppingToken).ConfigureAwait(false))
                    return time.GetUtcNow() + backup.Options.RetryDelay;
                due = await DueAsync().ConfigureAwait(false);
            }

            return await VerifyNewAsync(kind, retries, stoppingToken).ConfigureAwait(false) is { } retry && retry < due ? retry : due;
        }
        catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
        {
            Log.BackupFailed(logger, exception, kind, backup.Options.RetryDelay);
            return time.GetUtcNow() + backup.Options.RetryDelay;
        }

        async Task<DateTimeOffset> DueAsync() =>
            schedule.DueAfter(await backup.LastAsync(kind, stoppingToken).ConfigureAwait(false), time.GetUtcNow());
    }

    /// <summary>The newest one that nobody could verify yet: the one just made, or one whose verification was not possible before.</summary>
    /// <returns>When it has to be tried again; <c>null</c> for never.</returns>
    private async Task<DateTimeOffset?> VerifyNewAsync(BackupKind kind, VerificationRetries retries, CancellationToken stoppingToken)
    {
        if (!backup.Options.VerifyAfterBackup)
            return null;
        var newest = await NewestAsync(kind, stoppingToken).ConfigureAwait(false);
        if (newest is not { State: BackupState.Unverified })
            return null;
        if (retries.DueAt(newest.Id, time.GetUtcNow()) is var due && due > time.GetUtcNow())
            return due;
        try
        {
            if (!await backup.TryVerifyAsync(newest.Id, report => report is null, stoppingToken).ConfigureAwait(false))
                return time.GetUtcNow() + backup.Options.RetryDelay;
            retries.Succeed();
            return null;
        }
        catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
        {
            return Retry(retries, newest.Id, exception);
        }
    }

    private DateTimeOffset Retry(VerificationRetries retries, string id, Exception exception)
    {
        var delay = retries.Fail(id, time.GetUtcNow());
        Log.VerificationImpossible(logger, exception, id, delay);
        return time.GetUtcNow() + delay;
    }

    /// <summary>What bears a later time than now was made while the clock was wrong, and would never be followed by another one.</summary>
    private async Task<BackupEntry?> NewestAsync(BackupKind kind, CancellationToken stoppingToken)
    {
        var backups = (await backup.ListAsync(stoppingToken).ConfigureAwait(false)).Where(one => one.Kind == kind).ToList();
        return backups.FirstOrDefault(one => one.StartedAt <= time.GetUtcNow()) ?? backups.FirstOrDefault();
    }

    /// <summary>What it finds goes to the log.</summary>
    private async Task<DateTimeOffset> CheckArchivingAsync(CancellationToken stoppingToken)
    {
        try
        {
            await backup.CheckArchivingAsync(stoppingToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
        {
            Log.ArchivingUnknown(logger, exception);
        }

        return time.GetUtcNow() + ArchivingInterval;
    }

    /// <summary>The newest backup of each kind again, so that the target's decay is noticed, and not only the making of backups.</summary>
    private async Task<DateTimeOffset> VerifyAsync(BackupKind kind, string expression, VerificationRetries retries, CancellationToken stoppingToken)
    {
        var schedule = new CronSchedule(expression, backup.Options.TimeZone);
        var newest = "";
        try
        {
            if (await NewestAsync(kind, stoppingToken).ConfigureAwait(false) is not { } entry)
                return time.GetUtcNow() + backup.Options.RetryDelay;
            newest = entry.Id;
            var due = DueAfter(await backup.GetReportAsync(newest, stoppingToken).ConfigureAwait(false));
            if (due <= time.GetUtcNow())
                due = retries.DueAt(newest, time.GetUtcNow());
            if (due > time.GetUtcNow())
                return due;
            if (!await backup.TryVerifyAsync(newest, report => DueAfter(report) <= time.GetUtcNow(), stoppingToken).ConfigureAwait(false))
                return time.GetUtcNow() + backup.Options.RetryDelay;
            retries.Succeed();
            return time.GetUtcNow();

            DateTimeOffset DueAfter(VerificationReport? report)
            {
                var (last, now) = (report?.StartedAt ?? entry.StartedAt, time.GetUtcNow());
                return schedule.DueAfter(last <= now ? last : null, now);
            }
        }
        catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
        {
            return Retry(retries, newest, exception);
        }
    }
}
