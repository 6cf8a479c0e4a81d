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
            EachAsync(options.Schedule, token => RunAsync(BackupKind.Logical, options.Schedule!, token), stoppingToken),
            EachAsync(options.PhysicalSchedule, token => RunAsync(BackupKind.Physical, options.PhysicalSchedule!, token), stoppingToken),
            EachAsync(options.VerificationSchedule, token => VerifyAsync(options.VerificationSchedule!, token), stoppingToken),
            EachAsync(options.WalArchive, CheckArchivingAsync, stoppingToken));
    }

    /// <param name="schedule">Null for never.</param>
    /// <param name="work">Does it when it is due, and returns when it is due next.</param>
    /// <param name="stoppingToken">Ends it.</param>
    private async Task EachAsync(string? schedule, Func<CancellationToken, Task<DateTimeOffset>> work, CancellationToken stoppingToken)
    {
        if (schedule is null)
            return;
        await Task.Yield();
        while (true)
        {
            var due = await work(stoppingToken).ConfigureAwait(false);
            var wait = due - time.GetUtcNow();
            if (wait > TimeSpan.Zero)
                await Task.Delay(wait < LongestWait ? wait : LongestWait, time, stoppingToken).ConfigureAwait(false);
        }
    }

    private async Task<DateTimeOffset> RunAsync(BackupKind kind, string expression, CancellationToken stoppingToken)
    {
        var schedule = new CronSchedule(expression, backup.Options.TimeZone);
        try
        {
            var due = schedule.DueAfter(await backup.LastAsync(kind, stoppingToken).ConfigureAwait(false), time.GetUtcNow());
            if (due > time.GetUtcNow())
                return due;
            var done = await backup.TryRunAsync(kind, last => schedule.DueAfter(last, time.GetUtcNow()) <= time.GetUtcNow(), stoppingToken).ConfigureAwait(false);
            return done ? time.GetUtcNow() : time.GetUtcNow() + backup.Options.RetryDelay;
        }
        catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
        {
            Log.BackupFailed(logger, exception, kind, backup.Options.RetryDelay);
            return time.GetUtcNow() + backup.Options.RetryDelay;
        }
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

    /// <summary>The newest backup again, so that the target's decay is noticed, and not only the making of backups.</summary>
    private async Task<DateTimeOffset> VerifyAsync(string expression, CancellationToken stoppingToken)
    {
        var schedule = new CronSchedule(expression, backup.Options.TimeZone);
        var newest = "";
        try
        {
            var backups = await backup.ListAsync(stoppingToken).ConfigureAwait(false);
            if (backups.Count == 0)
                return time.GetUtcNow() + backup.Options.RetryDelay;

            // What bears a later time than now was made while the clock was wrong, and would never be followed by another one.
            var now = time.GetUtcNow();
            var entry = backups.FirstOrDefault(one => one.StartedAt <= now) ?? backups[0];
            newest = entry.Id;
            var last = (await backup.GetReportAsync(newest, stoppingToken).ConfigureAwait(false))?.StartedAt ?? entry.StartedAt;
            var due = schedule.DueAfter(last <= now ? last : null, now);
            if (due > time.GetUtcNow())
                return due;
            return await backup.TryVerifyAsync(newest, stoppingToken).ConfigureAwait(false)
                ? time.GetUtcNow() : time.GetUtcNow() + backup.Options.RetryDelay;
        }
        catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
        {
            Log.VerificationImpossible(logger, exception, newest, backup.Options.RetryDelay);
            return time.GetUtcNow() + backup.Options.RetryDelay;
        }
    }
}
