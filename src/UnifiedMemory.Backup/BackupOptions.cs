namespace UnifiedMemory.Backup;

/// <summary>How a store is backed up. All mistakes are reported at once, when the <see cref="StoreBackup"/> is made.</summary>
public sealed class BackupOptions
{
    /// <summary>Where backups go. Required.</summary>
    public IBackupTarget? Target { get; set; }

    /// <summary>
    /// The database as the backup reaches it: a direct connection to the primary with a role that reads every table of the store, for
    /// example a member of <c>pg_read_all_data</c>; for physical backups also with <c>REPLICATION</c>. Default: that of the store.
    /// </summary>
    public string? ConnectionString { get; set; }

    /// <summary>
    /// A server to restore into for verification; a database is created there and dropped again. Default: none, a private server is
    /// started on this machine, so that the live one has neither the load nor the write-ahead log of it, and the backup is proven
    /// without it.
    /// </summary>
    public string? ScratchConnectionString { get; set; }

    /// <summary>The directory of PostgreSQL's programs. Default: the places of the usual packages, and <c>PATH</c>.</summary>
    public string? BinDirectory { get; set; }

    /// <summary>
    /// For copies that are being restored; it needs room for one backup, and for a physical one also for the server's data.
    /// Default: the system's temporary directory.
    /// </summary>
    public string WorkDirectory { get; set; } = Path.GetTempPath();

    /// <summary>
    /// gzip level, 0 to 9. Vectors hardly get smaller, and each level costs time. Default: 1.
    /// </summary>
    public int CompressionLevel { get; set; } = 1;

    /// <summary>How long a backup waits for a table that somebody has locked. Default: 1 minute.</summary>
    public TimeSpan LockTimeout { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Memory for each index that a restore builds, at most: a graph that does not fit is built several times slower. What is needed
    /// is computed from the rows. Default: 1 GiB.
    /// </summary>
    public long MaxMemoryBytes { get; set; } = 1L << 30;

    /// <summary>
    /// How many connections a restore loads tables and builds indexes with, at most one for each processor of this machine. A restore into
    /// a database that was there before has one, as it is one transaction. Default: 4.
    /// </summary>
    public int RestoreJobs { get; set; } = 4;

    /// <summary>
    /// Whether each backup is verified at once; a host tries again what could not be verified. Without it,
    /// <see cref="VerificationSchedule"/> verifies, and retention waits for that. Default: yes.
    /// </summary>
    public bool VerifyAfterBackup { get; set; } = true;

    /// <summary>
    /// When a host makes a logical backup, as a cron expression of five fields; <c>null</c> for never. What was missed while no host
    /// ran is made up for, once. Default: <c>0 2 * * *</c>, each day at two.
    /// </summary>
    public string? Schedule { get; set; } = "0 2 * * *";

    /// <summary>When a host makes a physical backup. Default: <c>null</c>, never.</summary>
    public string? PhysicalSchedule { get; set; }

    /// <summary>When a host verifies the newest backup of each kind again, and then lets older ones go. Default: <c>0 5 * * 0</c>, Sundays at five.</summary>
    public string? VerificationSchedule { get; set; } = "0 5 * * 0";

    /// <summary>The time zone of the schedules, by its IANA or Windows id. Default: <c>UTC</c>.</summary>
    public string TimeZone { get; set; } = "UTC";

    /// <summary>
    /// How long a host waits after a failure before it tries again. What could not be verified waits twice as long each time, up to six
    /// hours. Default: 15 minutes.
    /// </summary>
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>
    /// How old the newest verified backup of a kind may be before the health check complains; where its schedule is sparser, it complains
    /// a day after one was missed. Default: 50 hours.
    /// </summary>
    public TimeSpan StaleAfter { get; set; } = TimeSpan.FromHours(50);

    /// <summary>Which backups are kept.</summary>
    public RetentionOptions Retention { get; set; } = new();

    /// <summary>
    /// The directory that the server's <c>archive_command</c> copies its write-ahead log to, as this process reaches it. Needed for
    /// point-in-time recovery. Default: none.
    /// </summary>
    public string? WalArchive { get; set; }
}
