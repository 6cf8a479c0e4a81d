using UnifiedMemory.Backup.Programs;

namespace UnifiedMemory.Backup.Physical;

/// <summary>
/// A directory for the socket of a recovering server, and for its data when that is not kept. What a killed process has left, a
/// running server too, goes with the next one.
/// </summary>
internal sealed class SocketDirectory : IDisposable
{
    // Short: a socket's path is limited to about 100 bytes.
    private const string Prefix = "unimem-";

    private readonly FileStream _lease;

    private SocketDirectory(string path, FileStream lease)
    {
        Path = path;
        _lease = lease;
    }

    public string Path { get; }

    /// <summary>For a server whose data is not kept.</summary>
    public string Data => System.IO.Path.Combine(Path, "data");

    public static async Task<SocketDirectory> CreateAsync(string parent, string control, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(parent);
        await RemoveLeftoversAsync(parent, control, cancellationToken).ConfigureAwait(false);
        var path = System.IO.Path.Combine(System.IO.Path.GetFullPath(parent), Prefix + Guid.NewGuid().ToString("N")[..8]);
        if (OperatingSystem.IsWindows())
            throw new PlatformNotSupportedException("Physical backups are restored on Linux and macOS.");
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return new SocketDirectory(path, new FileStream(LeaseOf(path), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None));
    }

    /// <summary>The server must be able to make its socket here.</summary>
    public async Task GiveToAsync(string? serverUser, CancellationToken cancellationToken)
    {
        if (serverUser is null)
            return;
        var result = await ChildProgram.RunAsync(new ProgramCall("chown", ["-R", serverUser, Path]), cancellationToken).ConfigureAwait(false);
        if (result.ExitCode != 0)
            throw new MissingPrerequisiteException("restore", $"chown failed: {result.Messages}");
    }

    public void Dispose()
    {
        Directory.Delete(Path, recursive: true);
        _lease.Dispose();
    }

    private static string LeaseOf(string path) => System.IO.Path.Combine(path, "lease");

    private static async Task RemoveLeftoversAsync(string parent, string control, CancellationToken cancellationToken)
    {
        foreach (var path in Directory.GetDirectories(parent, Prefix + "????????").Where(path => File.Exists(LeaseOf(path))))
        {
            try
            {
                // A living process holds it.
                using var lease = new FileStream(LeaseOf(path), FileMode.Open, FileAccess.ReadWrite, FileShare.None);
                var data = System.IO.Path.GetFullPath(System.IO.Path.Combine(path, "data"));
                if (IsRunning(data))
                {
                    await ChildProgram.RunAsync(
                        new ProgramCall(control, ["stop", "-w", "-s", "-m", "immediate", "-D", data]) { User = OwnerOf(data) }, cancellationToken).ConfigureAwait(false);
                }

                Directory.Delete(path, recursive: true);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // In use, or somebody else's.
            }
        }
    }

    /// <summary>The file with the process id outlives a machine that stops, and the id may be anybody's by then.</summary>
    private static bool IsRunning(string data)
    {
        var file = System.IO.Path.Combine(data, "postmaster.pid");
        if (!File.Exists(file) || !OperatingSystem.IsLinux())
            return File.Exists(file);
        var commandLine = $"/proc/{File.ReadLines(file).FirstOrDefault()}/cmdline";
        return File.Exists(commandLine) && File.ReadAllText(commandLine).Contains(data, StringComparison.Ordinal);
    }

    private static string? OwnerOf(string data) =>
        Environment.IsPrivilegedProcess && Directory.Exists(data) ? ServerDirectory.FindServerUser() : null;
}
