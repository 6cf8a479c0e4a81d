using System.Text.RegularExpressions;
using UnifiedMemory.Installations;

namespace UnifiedMemory.Backup.Programs;

/// <summary>Finds PostgreSQL's programs on this machine.</summary>
/// <param name="binDirectory">Where to look, or <c>null</c> for the places of the usual packages.</param>
internal sealed partial class PostgresPrograms(string? binDirectory)
{
    /// <summary>
    /// The oldest one that is not older than the server: an older one refuses it, and what a newer one has dumped needs a newer
    /// one to restore.
    /// </summary>
    /// <exception cref="UnifiedMemoryException">There is none; the message says what to install.</exception>
    public async Task<string> FindAsync(string name, int serverMajor, bool exactly, CancellationToken cancellationToken)
    {
        var found = new List<(int Major, string Path)>();
        foreach (var directory in binDirectory is null ? BinaryDirectories.Find() : [binDirectory])
        {
            var path = Path.Combine(directory, OperatingSystem.IsWindows() ? name + ".exe" : name);
            if (File.Exists(path) && await MajorOfAsync(path, cancellationToken).ConfigureAwait(false) is { } major)
                found.Add((major, path));
        }

        var usable = found.Where(one => exactly ? one.Major == serverMajor : one.Major >= serverMajor).OrderBy(one => one.Major).ToList();
        return usable.Count > 0
            ? usable[0].Path
            : throw new MissingPrerequisiteException("backup", Advice(name, serverMajor, exactly, found));
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

    [GeneratedRegex(@"\(PostgreSQL\) (\d+)")]
    private static partial Regex VersionNumber();
}
