using System.Diagnostics;
using System.Globalization;

namespace UnifiedMemory.Clusters;

/// <summary>The running server of a data directory.</summary>
/// <param name="ProcessId">The process that all of its backends descend from.</param>
/// <param name="Port">The port that it listens on.</param>
internal readonly record struct Postmaster(int ProcessId, int Port)
{
    // https://www.postgresql.org/docs/current/storage-file-layout.html: one value a line, the port in the fourth.
    private const string FileName = "postmaster.pid";

    /// <returns><see langword="null"/> when none runs, whatever file a crash has left.</returns>
    public static Postmaster? Find(string dataDirectory)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(Path.Combine(dataDirectory, FileName));
        }
        catch (IOException)
        {
            return null;
        }

        return lines.Length >= 4 &&
            int.TryParse(lines[0], NumberStyles.None, CultureInfo.InvariantCulture, out var processId) &&
            int.TryParse(lines[3], NumberStyles.None, CultureInfo.InvariantCulture, out var port) &&
            IsServerOf(processId, dataDirectory)
            ? new Postmaster(processId, port)
            : null;
    }

    /// <summary>
    /// Removes the file of a server that is gone when its process id is in use again: PostgreSQL would take that process, of
    /// the same user, for its predecessor. With a dead id it sees for itself, and better.
    /// </summary>
    public static void ForgetStranger(string dataDirectory)
    {
        var path = Path.Combine(dataDirectory, FileName);
        if (Find(dataDirectory) is null && File.Exists(path) &&
            int.TryParse(File.ReadLines(path).FirstOrDefault(), CultureInfo.InvariantCulture, out var processId) && IsAlive(processId))
            File.Delete(path);
    }

    private static bool IsServerOf(int processId, string dataDirectory)
    {
        try
        {
            using var process = Process.GetProcessById(processId);
            if (process.ProcessName != "postgres")
                return false;
            // "…/postgres\0-D\0<data directory>\0": any other server, and any backend, has another command line.
            return !OperatingSystem.IsLinux() ||
                File.ReadAllText($"/proc/{processId}/cmdline").Split('\0').Contains(dataDirectory);
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException or IOException)
        {
            return false; // it ended meanwhile
        }
    }

    private static bool IsAlive(int processId)
    {
        try
        {
            using var process = Process.GetProcessById(processId);
            return !process.HasExited;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }
}
