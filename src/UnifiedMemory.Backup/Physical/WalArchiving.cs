using System.Globalization;
using Dapper;
using Npgsql;

namespace UnifiedMemory.Backup.Physical;

/// <summary>Looks at a server's settings and at what its archiver says.</summary>
internal static class WalArchiving
{
    /// <summary>More files than this that wait, and the archive is behind: 512 MiB at the usual size.</summary>
    private const long MostWaiting = 32;

    private const string SettingsSql =
        """
        SELECT current_setting('wal_level') AS "WalLevel", current_setting('archive_mode') AS "ArchiveMode",
               current_setting('archive_command') AS "ArchiveCommand", current_setting('archive_library', true) AS "ArchiveLibrary",
               current_setting('max_wal_senders')::int AS "MaxWalSenders", current_setting('max_replication_slots')::int AS "MaxReplicationSlots",
               pg_size_bytes(current_setting('max_wal_size')) AS "MaxWalSize",
               a.failed_count AS "Failures", a.last_failed_wal AS "LastFailed", a.last_archived_wal AS "LastArchived",
               (SELECT count(*) FROM pg_stat_replication WHERE application_name = 'pg_receivewal') AS "Receivers",
               coalesce(a.last_failed_time > coalesce(a.last_archived_time, '-infinity'), false) AS "IsFailing"
        FROM pg_stat_archiver AS a
        """;

    private const string FilesSql =
        """
        SELECT (SELECT sum(size)::bigint FROM pg_ls_waldir()) AS "Bytes",
               (SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready') AS "Waiting"
        """;

    public static async Task<WalArchivingReport> CheckAsync(NpgsqlConnection connection, string? archive, CancellationToken cancellationToken)
    {
        var settings = await connection.QuerySingleAsync<SettingsRow>(new CommandDefinition(SettingsSql, cancellationToken: cancellationToken)).ConfigureAwait(false);
        FilesRow? files = null;
        try
        {
            files = await connection.QuerySingleAsync<FilesRow>(new CommandDefinition(FilesSql, cancellationToken: cancellationToken)).ConfigureAwait(false);
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            // It needs pg_monitor.
        }

        var (problems, configuration) = Judge(settings, files, archive ?? "/path/to/archive");
        return new WalArchivingReport(
            problems, configuration.Count == 0 ? "" : string.Join('\n', configuration) + "\n# then restart the server\n", settings.LastArchived, files?.Bytes);
    }

    /// <summary>
    /// Copies under another name first, so that a file under its own name is whole; and never over another one: two servers that
    /// archive to one place would destroy each other's log. The same file again is no failure, as after a crash.
    /// </summary>
    internal static string ArchiveCommand(string archive)
    {
        var directory = archive.TrimEnd('/').Replace("%", "%%", StringComparison.Ordinal);
        return $"if test -f \"{directory}/%f\"; then cmp -s \"%p\" \"{directory}/%f\"; else "
            + $"cp \"%p\" \"{directory}/%f.partial\" && sync \"{directory}/%f.partial\" && mv \"{directory}/%f.partial\" \"{directory}/%f\"; fi";
    }

    private static (List<string> Problems, List<string> Configuration) Judge(SettingsRow settings, FilesRow? files, string archive)
    {
        List<string> problems = [];
        List<string> configuration = [];
        if (settings.WalLevel == "minimal")
        {
            problems.Add("wal_level is minimal, and replica is needed");
            configuration.Add("wal_level = replica");
        }

        if (settings.MaxWalSenders < 1)
        {
            problems.Add("max_wal_senders is 0, and pg_basebackup needs one");
            configuration.Add("max_wal_senders = 10");
        }

        if (settings.MaxReplicationSlots < 1)
        {
            problems.Add("max_replication_slots is 0, and a physical backup needs one, which holds the log while it is made");
            configuration.Add("max_replication_slots = 10");
        }

        // The other way for the log, see README.md.
        var isReceived = settings is { ArchiveMode: "off", Receivers: > 0 };
        if (settings.ArchiveMode == "off" && !isReceived)
        {
            problems.Add("archive_mode is off");
            configuration.Add("archive_mode = on");
        }

        if (!isReceived && (settings.ArchiveMode != "off" ? settings.ArchiveCommand is "" && settings.ArchiveLibrary is null or "" : true))
        {
            if (settings.ArchiveMode != "off")
                problems.Add("archive_command is empty");
            configuration.Add($"archive_command = '{ArchiveCommand(archive).Replace("'", "''", StringComparison.Ordinal)}'");
            configuration.Add("archive_timeout = 60 # at most this much is lost with the machine");
        }

        if (settings.IsFailing)
            problems.Add(string.Create(CultureInfo.InvariantCulture, $"archiving {settings.LastFailed} fails ({settings.Failures} failures so far); the server's log says why"));
        if (files is not null && files.Waiting > MostWaiting)
            problems.Add(string.Create(CultureInfo.InvariantCulture, $"{files.Waiting} files wait to be archived"));
        if (files is not null && files.Bytes > 2 * settings.MaxWalSize)
            problems.Add(string.Create(CultureInfo.InvariantCulture, $"pg_wal has {files.Bytes >> 20} MiB, more than twice max_wal_size: it grows until the disk is full"));
        return (problems, configuration);
    }

    private sealed record SettingsRow
    {
        public string WalLevel { get; init; } = "";

        public string ArchiveMode { get; init; } = "";

        public string ArchiveCommand { get; init; } = "";

        public string? ArchiveLibrary { get; init; }

        public long Receivers { get; init; }

        public int MaxWalSenders { get; init; }

        public int MaxReplicationSlots { get; init; }

        public long MaxWalSize { get; init; }

        public long Failures { get; init; }

        public string? LastFailed { get; init; }

        public string? LastArchived { get; init; }

        public bool IsFailing { get; init; }
    }

    private sealed record FilesRow
    {
        public long Bytes { get; init; }

        public long Waiting { get; init; }
    }
}
