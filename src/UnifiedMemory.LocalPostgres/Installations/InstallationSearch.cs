using System.Text.RegularExpressions;
using UnifiedMemory.Processes;

namespace UnifiedMemory.Installations;

/// <summary>Finds the installations with a usable pgvector among directories of programs. build.sh judges as this does.</summary>
internal static partial class InstallationSearch
{
    private static readonly string[] NeededPrograms = ["initdb", "postgres", "pg_ctl"];

    /// <summary>The oldest that a store accepts.</summary>
    private static readonly Version MinimumPgvector = new(0, 8, 0);

    /// <returns>The newest PostgreSQL first.</returns>
    public static async Task<IReadOnlyList<PostgresInstallation>> FindAsync(
        IEnumerable<string> binDirectories, CancellationToken cancellationToken)
    {
        List<PostgresInstallation> found = [];
        foreach (var directory in binDirectories)
        {
            if (NeededPrograms.All(program => File.Exists(Path.Combine(directory, program))) &&
                await ReadAsync(directory, cancellationToken).ConfigureAwait(false) is { } installation)
                found.Add(installation);
        }

        return [.. found.OrderByDescending(installation => installation.Version)];
    }

    private static async Task<PostgresInstallation?> ReadAsync(string directory, CancellationToken cancellationToken)
    {
        // "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", or 18beta1.
        var answer = await ChildProgram
            .RunAsync(Path.Combine(directory, "postgres"), ["--version"], user: null, cancellationToken).ConfigureAwait(false);
        var version = VersionNumber().Match(answer.Output);
        if (answer.ExitCode != 0 || !version.Success)
            return null;

        var major = version.Groups["major"].Value;
        var minor = version.Groups["minor"] is { Success: true, Value: var number } ? number : "0";
        foreach (var share in await FindShareDirectoriesAsync(directory, major, cancellationToken).ConfigureAwait(false))
        {
            var control = Path.Combine(share, "extension", "vector.control");
            if (File.Exists(control))
            {
                var pgvector = ReadDefaultVersion(control);
                return Version.TryParse(pgvector, out var known) && known >= MinimumPgvector
                    ? new PostgresInstallation(directory, Version.Parse($"{major}.{minor}"), pgvector)
                    : null;
            }
        }

        return null;
    }

    private static async Task<IEnumerable<string>> FindShareDirectoriesAsync(
        string binDirectory, string major, CancellationToken cancellationToken)
    {
        var program = Path.Combine(binDirectory, "pg_config");
        if (File.Exists(program))
        {
            var answer = await ChildProgram.RunAsync(program, ["--sharedir"], user: null, cancellationToken)
                .ConfigureAwait(false);
            if (answer.ExitCode == 0)
                return [answer.Output.Trim()];
        }

        // pg_config comes with a development package, which a server does not need.
        var parent = Path.GetDirectoryName(binDirectory) ?? binDirectory;
        return
        [
            $"/usr/share/postgresql/{major}",
            Path.Combine(parent, "share"),
            Path.Combine(parent, "share", "postgresql"),
            Path.Combine(parent, "share", "pgsql"),
            "/usr/share/postgresql" + major,
        ];
    }

    private static string ReadDefaultVersion(string controlFile) => DefaultVersion().Match(File.ReadAllText(controlFile)).Groups[1].Value;

    [GeneratedRegex(@"\(PostgreSQL\) (?<major>\d+)(\.(?<minor>\d+))?")]
    private static partial Regex VersionNumber();

    [GeneratedRegex(@"^\s*default_version\s*=\s*'([^']+)'", RegexOptions.Multiline)]
    private static partial Regex DefaultVersion();
}
