using System.Globalization;

namespace UnifiedMemory.Backup.Keeping;

/// <summary>
/// Which backups may go. Age is measured from the newest verified backup of the kind, not from the clock: retention runs after one, and a
/// clock that jumps must not make all others old at once.
/// </summary>
internal static class RetentionRules
{
    private static readonly TimeSpan LeastGap = TimeSpan.FromDays(1);

    /// <param name="backups">All that there are.</param>
    /// <param name="options">What is kept.</param>
    /// <param name="zone">Where days, weeks and months begin.</param>
    /// <param name="justVerified">The backup that retention runs after; kept, whatever time it bears.</param>
    public static IReadOnlyList<BackupEntry> Removable(
        IReadOnlyList<BackupEntry> backups, RetentionOptions options, TimeZoneInfo zone, string? justVerified) =>
        [.. backups.GroupBy(backup => backup.Kind).SelectMany(kind => RemovableOfKind(
            [.. kind.OrderByDescending(backup => backup.StartedAt)], options, zone, justVerified))];

    private static IEnumerable<BackupEntry> RemovableOfKind(
        IReadOnlyList<BackupEntry> newestFirst, RetentionOptions options, TimeZoneInfo zone, string? justVerified)
    {
        var verified = newestFirst.Where(backup => backup.State == BackupState.Verified).ToList();
        if (verified.Count == 0)
            return [];
        var kept = verified.Take(options.KeepAtLeast).ToHashSet();
        KeepEach(options.KeepDaily, time => time.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
        KeepEach(options.KeepWeekly, time => $"{ISOWeek.GetYear(time.DateTime)}-{ISOWeek.GetWeekOfYear(time.DateTime)}");
        KeepEach(options.KeepMonthly, time => time.ToString("yyyy-MM", CultureInfo.InvariantCulture));
        var newest = verified[ReferenceIn(verified, options)].StartedAt;
        return newestFirst.Where(backup =>
            !kept.Contains(backup) && backup.Id != justVerified && newest - backup.StartedAt >= options.KeepAllFor);

        void KeepEach(int count, Func<DateTimeOffset, string> period) => kept.UnionWith(
            verified.GroupBy(backup => period(TimeZoneInfo.ConvertTime(backup.StartedAt, zone))).Take(count).Select(group => group.First()));
    }

    /// <summary>
    /// A few backups that are alone at the end, further from the others than everything is kept for, are those of a clock that was ahead,
    /// or of the first days after a long pause. Until there are as many as are always kept, they do not make the others old.
    /// </summary>
    private static int ReferenceIn(List<BackupEntry> verified, RetentionOptions options)
    {
        var gap = options.KeepAllFor > LeastGap ? options.KeepAllFor : LeastGap;
        var reference = 0;
        for (var i = 1; i < Math.Min(Math.Max(options.KeepAtLeast, 2), verified.Count); i++)
        {
            if (verified[i - 1].StartedAt - verified[i].StartedAt > gap)
                reference = i;
        }

        return reference;
    }
}
