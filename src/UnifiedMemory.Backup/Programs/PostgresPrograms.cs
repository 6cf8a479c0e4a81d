using System.Text.RegularExpressions;

namespace UnifiedMemory.Backup.Programs;

/// <summary>Finds PostgreSQL's programs on this machine.</summary>
/// <param name="binDirectory">Where to look, or <c>null</c> for the places of the usual packages.</param>
internal sealed partial class PostgresPrograms(string? binDirectory)
{
    private static readonly (string Parent, string Pattern, string Below)[] Packages =
    [
        ("/usr/lib/postgresql", "*", "bin"), // Debian, Ubuntu
        ("/usr", "pgsql-*", "bin"), // the PostgreSQL project's packages for Fedora and RHEL
        ("/opt/homebrew/opt", "postgresql@*", "bin"),
        ("/usr/local/opt", "postgresql@*", "bin"),
        ("/home/linuxbrew/.linuxbrew/opt", "postgresql@*", "bin"),
        ("/Applications/Postgres.app/Contents/Versions", "*", "bin"),
        ("/usr/libexec", "postgresql*", ""), // Alpine
    ];

    /// <summary>
    /// The oldest one that is not older than the server: an older one refuses it, and what a newer one has dumped needs a newer
    /// one to restore.
    /// </summary>
    /// <exception cref="UnifiedMemoryException">There is none; the message says what to install.</exception>
    public async Task<string> FindAsync(string name, int serverMajor, bool exactly, CancellationToken cancellationToken)
    {
        var found = new List<(int Major, string Path)>();
        foreach (var directory in Directories())
        {
            var path = Path.Combine(directory, OperatingSystem.IsWindows() ? name + ".exe" : name);
            if (File.Exists(path) && await MajorOfAsync(path, cancellationToken).ConfigureAwait(false) is { } major)
                found.Add((major, path));
        }

        var usable = found.Where(one => exactly ? one.Major == serverMajor : one.Major >= serverMajor).OrderBy(one => one.Major).ToList();
        return usable.Count > 0
            ? usable[0].Path
            : throw new UnifiedMemoryException("backup", Advice(name, serverMajor, exactly, found), isTransient: false);
    }

    /// <summary>The path of a program that may be missing.</summary>
    public async Task<string?> FindOrNullAsync(string name, int serverMajor, CancellationToken cancellationToken)
    {
        try
        {
            return await FindAsync(name, serverMajor, exactly: false, cancellationToken).ConfigureAwait(false);
        }
        catch (UnifiedMemoryException)
        {
            return null;
        }
    }

    private static async Task<int?> MajorOfAsync(string path, CancellationToken cancellationToken)
    {
        var answer = await ChildProgram.RunAsync(new ProgramCall(path, ["--version"]), cancellationToken).ConfigureAwait(false);
        var version = VersionNumber().Match(answer.Messages);
        return answer.ExitCode == 0 && version.Success
            ? int.Parse(version.Groups[1].ValueSpan, System.Globalization.CultureInfo.InvariantCulture)
            : null;
    }

    private static string Advice(string name, int major, bool exactly, List<(int Major, string Path)> found)
    {
        var others = found.Count == 0 ? "none was found" : "found: " + string.Join(", ", found.Select(one => $"{one.Major} ({one.Path})"));
        var package = exactly ? "postgresql" : "postgresql-client";
        return $"{name} of PostgreSQL {major}{(exactly ? "" : " or newer")} is needed, as the server is {major}; {others}. Install it "
            + $"(Debian, Ubuntu: apt-get install {package}-{major}; Fedora: dnf install postgresql{(exactly ? "-server" : "")}; macOS: brew install postgresql@{major}), "
            + $"or name its directory in {nameof(BackupOptions)}.{nameof(BackupOptions.BinDirectory)}.";
    }

    private IEnumerable<string> Directories()
    {
        if (binDirectory is not null)
            return [binDirectory];
        var packaged = Packages
            .Where(package => Directory.Exists(package.Parent))
            .SelectMany(package => Directory.EnumerateDirectories(package.Parent, package.Pattern)
                .Select(directory => Path.Combine(directory, package.Below)));
        var path = Environment.GetEnvironmentVariable("PATH") ?? "";
        return packaged
            .Concat(path.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
            .Distinct(StringComparer.Ordinal);
    }

    [GeneratedRegex(@"\(PostgreSQL\) (\d+)")]
    private static partial Regex VersionNumber();
}
