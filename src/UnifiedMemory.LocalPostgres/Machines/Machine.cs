namespace UnifiedMemory.Machines;

/// <summary>What this machine offers to a server: tests put another in its place.</summary>
internal sealed record Machine
{
    public const string ConnectionVariable = "UNIFIED_MEMORY_CONNECTION";

    private static readonly string[] SystemKeys = ["ID=", "VERSION_CODENAME=", "ID_LIKE="];

    /// <summary>The connection string of a server to use as it is.</summary>
    public string? ExistingConnection { get; init; }

    /// <summary>Directories that may hold PostgreSQL's programs, without patterns.</summary>
    public required IReadOnlyList<string> BinaryDirectories { get; init; }

    public bool MayUseContainers { get; init; } = true;

    /// <summary><c>ID</c>, <c>VERSION_CODENAME</c> and <c>ID_LIKE</c> of <c>os-release</c>, else <c>macos</c> or <c>windows</c>.</summary>
    public required string System { get; init; }

    /// <summary>Where clusters are kept.</summary>
    public required string StateDirectory { get; init; }

    /// <summary>The user to run PostgreSQL as, which refuses root; <see langword="null"/> when this process is not root.</summary>
    public string? ServerUser { get; init; }

    public static Machine Current()
    {
        var isRoot = !OperatingSystem.IsWindows() && Environment.IsPrivilegedProcess;
        var existing = Environment.GetEnvironmentVariable(ConnectionVariable);
        return new Machine
        {
            ExistingConnection = string.IsNullOrWhiteSpace(existing) ? null : existing,
            BinaryDirectories = [.. Installations.BinaryDirectories.Find()],
            System = ReadSystem(),
            StateDirectory = FindStateDirectory(isRoot),
            ServerUser = isRoot ? FindServerUser() : null,
        };
    }

    private static string ReadSystem()
    {
        if (OperatingSystem.IsMacOS())
            return "macos";
        if (!File.Exists("/etc/os-release"))
            return OperatingSystem.IsWindows() ? "windows" : "unknown";
        var lines = File.ReadAllLines("/etc/os-release");
        return string.Join(' ', SystemKeys
            .Select(key => lines.FirstOrDefault(line => line.StartsWith(key, StringComparison.Ordinal))?[key.Length..].Trim('"'))
            .Where(value => !string.IsNullOrEmpty(value)));
    }

    private static string FindStateDirectory(bool isRoot)
    {
        // Root's home is closed to the user that PostgreSQL runs as, and a fixed name in /tmp is anybody's to take first.
        if (isRoot)
            return "/var/lib/unified-memory";
        var local = Environment.GetFolderPath(
            Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);
        return local.Length > 0
            ? Path.Combine(local, "unified-memory")
            : Path.Combine(Path.GetTempPath(), "unified-memory-" + Environment.UserName);
    }

    private static string FindServerUser() =>
        File.Exists("/etc/passwd") &&
        File.ReadLines("/etc/passwd").Any(line => line.StartsWith("postgres:", StringComparison.Ordinal))
            ? "postgres"
            : "nobody";
}
