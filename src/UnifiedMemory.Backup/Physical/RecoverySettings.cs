using System.Globalization;
using UnifiedMemory.Backup.Verifying;

namespace UnifiedMemory.Backup.Physical;

/// <summary>
/// What a server is told while it recovers: reachable through a socket in a directory of its user alone, so that neither port nor
/// password matters, and nobody takes it for the live one. On its command line, which wins over its files and leaves nothing in them.
/// </summary>
internal sealed class RecoverySettings(string dataDirectory, string socketDirectory, string? walArchive, DateTimeOffset? targetTime)
{
    /// <summary>Not 126 and 127, which PostgreSQL tells as a missing command, nor what a shell makes of a signal.</summary>
    private const int Fatal = 200;

    private const string AccessRules = "local all all trust\n";

    /// <summary>Writes the files that a server needs to recover.</summary>
    /// <returns>What the program <c>postgres</c> is called with.</returns>
    public IReadOnlyList<string> Write()
    {
        // Debian keeps a server's configuration outside of its data, and so outside of its backups.
        foreach (var name in new[] { "postgresql.conf", "pg_ident.conf", "pg_hba.conf" })
        {
            var file = Path.Combine(dataDirectory, name);
            if (!File.Exists(file))
                File.WriteAllText(file, "");
        }

        var access = Path.Combine(socketDirectory, "access.conf");
        File.WriteAllText(access, AccessRules);
        if (walArchive is not null)
            File.WriteAllText(Path.Combine(dataDirectory, "recovery.signal"), "");
        return ["-D", dataDirectory, .. Settings(access).SelectMany(setting => new[] { "-c", $"{setting.Name}={setting.Value}" })];
    }

    /// <summary>
    /// A command for the shell, in which PostgreSQL replaces %f and %p. It takes a failure for the end of the log, and recovers to there,
    /// unless the exit code is above 125: so with what is there and cannot be read. The newest segment of pg_receivewal is whole in size, and
    /// called .partial; what an interrupted archive_command has left is called so, too, is shorter, and would end the recovery.
    /// </summary>
    internal static string RestoreCommand(string walArchive, long segmentBytes)
    {
        var directory = $"'{walArchive.Replace("'", "'\\''", StringComparison.Ordinal).Replace("%", "%%", StringComparison.Ordinal).TrimEnd('/')}/'";
        var file = directory + "%f";
        return string.Create(
            CultureInfo.InvariantCulture,
            $$"""
            unreadable() { echo "permission denied for the archive of the log, or there is none" >&2; exit {{Fatal}}; }; if test -f {{file}}; then cp {{file}} "%p" || exit {{Fatal}}; elif test -f {{file}}.partial; then test -r {{file}}.partial || unreadable; test $(wc -c < {{file}}.partial) -eq {{segmentBytes}} || exit 1; cp {{file}}.partial "%p" || exit {{Fatal}}; else test -x {{directory}} || unreadable; exit 1; fi
            """);
    }

    private long SegmentBytes() => new DirectoryInfo(Path.Combine(dataDirectory, "pg_wal")).EnumerateFiles()
        .FirstOrDefault(file => LogSegment.IsName(file.Name))?.Length ?? throw new CheckFailedException("the backup holds no segment of its log");

    private List<(string Name, string Value)> Settings(string access)
    {
        List<(string Name, string Value)> settings =
        [
            // A configuration that came with the data, as Debian's, may name those of the live server.
            ("data_directory", dataDirectory),
            ("external_pid_file", Path.Combine(socketDirectory, "server.pid")),
            ("listen_addresses", ""),
            ("unix_socket_directories", socketDirectory),
            ("unix_socket_permissions", "0700"),
            ("port", "5432"),
            ("hba_file", access),
            ("archive_mode", "off"),
            ("ssl", "off"),
            ("logging_collector", "off"),
            ("log_destination", "stderr"),
            ("lc_messages", "C"),
            ("shared_preload_libraries", ""),
            // Then it takes connections when it has recovered, and not before; and its limits may be lower than the live server's.
            ("hot_standby", "off"),
        ];
        if (walArchive is not null)
        {
            settings.Add(("restore_command", RestoreCommand(walArchive, SegmentBytes())));
            settings.Add(("recovery_target_action", "promote"));
            if (targetTime is { } time)
                settings.Add(("recovery_target_time", time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.ffffff'+00'", CultureInfo.InvariantCulture)));
        }

        return settings;
    }
}
