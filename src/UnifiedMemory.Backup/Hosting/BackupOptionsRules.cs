using Cronos;
using Npgsql;

namespace UnifiedMemory.Backup.Hosting;

/// <summary>Checks the options, all of them, so that one start shows every mistake.</summary>
internal static class BackupOptionsRules
{
    public static IEnumerable<string> MistakesIn(BackupOptions options)
    {
        if (options.Target is null)
            yield return "Target is missing; give for example new DirectoryBackupTarget(\"/backup/memories\").";
        foreach (var (name, value) in new[] { (nameof(options.ConnectionString), options.ConnectionString), (nameof(options.ScratchConnectionString), options.ScratchConnectionString) })
        {
            if (value is not null && !IsConnectionString(value))
                yield return $"{name} cannot be read as an Npgsql connection string with a Host.";
        }

        if (options.CompressionLevel is < 0 or > 9)
            yield return $"CompressionLevel is {options.CompressionLevel}; give 0 to 9, 1 for most stores.";
        if (options.MaxMemoryBytes is < 64L << 20 or > 1L << 40)
            yield return $"MaxMemoryBytes is {options.MaxMemoryBytes}; give {64L << 20} (64 MiB) to {1L << 40} (1 TiB).";
        if (options.RestoreJobs is < 1 or > 256)
            yield return $"RestoreJobs is {options.RestoreJobs}; give 1 to 256, 4 for most machines.";
        foreach (var (name, value) in new[] { (nameof(options.LockTimeout), options.LockTimeout), (nameof(options.RetryDelay), options.RetryDelay), (nameof(options.StaleAfter), options.StaleAfter) })
        {
            if (value < TimeSpan.FromMilliseconds(1) || value > TimeSpan.FromDays(365))
                yield return $"{name} is {value}; give a time up to a year.";
        }

        foreach (var (name, value) in Schedules(options))
        {
            if (value is not null && !CronExpression.TryParse(value, out _))
                yield return $"{name} is '{value}'; give a cron expression of five fields such as '0 2 * * *', or null for never.";
        }

        if (!TimeZoneInfo.TryFindSystemTimeZoneById(options.TimeZone ?? "", out _))
            yield return $"TimeZone is '{options.TimeZone}', which this machine does not know; give an id such as 'UTC' or 'Europe/Berlin'.";
        if (string.IsNullOrWhiteSpace(options.WorkDirectory))
            yield return "WorkDirectory is empty; leave it out for the system's temporary directory.";
        if (options.Retention is not { } retention)
        {
            yield return "Retention is null; leave it out for the defaults.";
            yield break;
        }

        if (retention.KeepAllFor < TimeSpan.Zero)
            yield return $"Retention.KeepAllFor is {retention.KeepAllFor}; give zero or more.";
        if (retention.KeepAtLeast < 1)
            yield return $"Retention.KeepAtLeast is {retention.KeepAtLeast}; give 1 or more.";
        if (retention.KeepDaily < 0 || retention.KeepWeekly < 0 || retention.KeepMonthly < 0)
            yield return "Retention.KeepDaily, KeepWeekly and KeepMonthly are 0 or more.";
    }

    private static IEnumerable<(string Name, string? Value)> Schedules(BackupOptions options) =>
    [
        (nameof(options.Schedule), options.Schedule),
        (nameof(options.PhysicalSchedule), options.PhysicalSchedule),
        (nameof(options.VerificationSchedule), options.VerificationSchedule),
    ];

    private static bool IsConnectionString(string value)
    {
        try
        {
            return !string.IsNullOrWhiteSpace(new NpgsqlConnectionStringBuilder(value).Host);
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or KeyNotFoundException or InvalidCastException)
        {
            return false;
        }
    }
}
