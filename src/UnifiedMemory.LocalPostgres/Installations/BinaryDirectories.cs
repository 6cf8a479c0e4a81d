namespace UnifiedMemory.Installations;

/// <summary>Where PostgreSQL's packages put their programs. build.sh looks in the same places.</summary>
internal static class BinaryDirectories
{
    // Parent, pattern of the version's directory, and the way from there to the programs.
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

    public static IEnumerable<string> Find()
    {
        var packaged = Packages
            .Where(package => Directory.Exists(package.Parent))
            .SelectMany(package => Directory.EnumerateDirectories(package.Parent, package.Pattern)
                .Select(directory => Path.Combine(directory, package.Below)));
        var path = Environment.GetEnvironmentVariable("PATH") ?? "";
        return packaged
            .Append("/usr/bin")
            .Concat(path.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
            .Distinct(StringComparer.Ordinal);
    }
}
