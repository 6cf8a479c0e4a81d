namespace UnifiedMemory.Backup;

/// <summary>
/// Which backups are kept. It is looked at after a verified backup only. Whatever it says, the newest verified backup of each kind
/// stays, and so does the write-ahead log from the oldest kept physical backup on.
/// </summary>
public sealed class RetentionOptions
{
    /// <summary>
    /// Every backup younger than this is kept, counted from the newest verified one of its kind; not from one that bears a time so much
    /// later than the others that the clock may have been wrong, until <see cref="KeepAtLeast"/> have followed. Default: 30 days.
    /// </summary>
    public TimeSpan KeepAllFor { get; set; } = TimeSpan.FromDays(30);

    /// <summary>So many of the newest verified backups of each kind are kept, however old they are; at least 1. Default: 7.</summary>
    public int KeepAtLeast { get; set; } = 7;

    /// <summary>The newest verified backup of each of the last days that have one, so many. Default: 0.</summary>
    public int KeepDaily { get; set; }

    /// <summary>The same for weeks, which begin on Monday. Default: 0.</summary>
    public int KeepWeekly { get; set; }

    /// <summary>The same for months. Default: 0.</summary>
    public int KeepMonthly { get; set; }
}
