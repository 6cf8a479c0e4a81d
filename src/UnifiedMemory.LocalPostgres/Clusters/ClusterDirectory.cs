using System.Security.Cryptography;
using UnifiedMemory.Processes;

namespace UnifiedMemory.Clusters;

/// <summary>
/// What belongs to one cluster: its data and, beside it, the password, the log, the lock and the leases of its users.
/// </summary>
/// <param name="root">The directory that holds them, a full path.</param>
/// <param name="serverUser">The user to give files to, when this process is root.</param>
internal sealed class ClusterDirectory(string root, string? serverUser)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnerOnlyDirectory = OwnerOnly | UnixFileMode.UserExecute;

    public string Root { get; } = root;

    public string Data { get; } = Path.Combine(root, "data");

    /// <summary>Where the data is while it is being made: a half-made cluster never has the final name.</summary>
    public string UnfinishedData { get; } = Path.Combine(root, "data.unfinished");

    public string LogFile { get; } = Path.Combine(root, "server.log");

    public string LockFile { get; } = Path.Combine(root, "lock");

    public string Leases { get; } = Path.Combine(root, "leases");

    public string? ServerUser { get; } = serverUser;

    private string PasswordFile => Path.Combine(Root, "password");

    /// <exception cref="InvalidOperationException">The directory holds something else.</exception>
    public async Task CreateAsync(CancellationToken cancellationToken)
    {
        if (OperatingSystem.IsWindows())
            throw new PlatformNotSupportedException("A private cluster protects its password with Unix file modes.");
        if (Directory.Exists(Root) && !Directory.Exists(Leases) && Directory.EnumerateFileSystemEntries(Root).Any())
            throw new InvalidOperationException(
                $"{Root} holds something other than a cluster of {nameof(LocalPostgres)}. Name an empty or a new directory.");

        // The parents are to be passed through by the server's user; the cluster itself is nobody else's business.
        Directory.CreateDirectory(Path.GetDirectoryName(Root) ?? "/");
        Directory.CreateDirectory(Root, OwnerOnlyDirectory);
        File.SetUnixFileMode(Root, OwnerOnlyDirectory);
        Directory.CreateDirectory(Leases, OwnerOnlyDirectory);
        await GiveToServerUserAsync(Root, cancellationToken).ConfigureAwait(false);
    }

    /// <returns>The file with the superuser's password, made when there is none.</returns>
    public async Task<string> EnsurePasswordFileAsync(CancellationToken cancellationToken)
    {
        if (!File.Exists(PasswordFile))
        {
            var unfinished = PasswordFile + ".unfinished";
            File.Delete(unfinished);
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
                options.UnixCreateMode = OwnerOnly;
            using (var writer = new StreamWriter(unfinished, options))
                await writer.WriteLineAsync(RandomNumberGenerator.GetHexString(32, lowercase: true)).ConfigureAwait(false);
            await GiveToServerUserAsync(unfinished, cancellationToken).ConfigureAwait(false);
            File.Move(unfinished, PasswordFile);
        }

        return PasswordFile;
    }

    public string ReadPassword() => File.ReadAllText(PasswordFile).Trim();

    /// <returns>The major version that made the data, or <see langword="null"/> when there is none yet.</returns>
    public int? ReadVersion()
    {
        var file = Path.Combine(Data, "PG_VERSION");
        return File.Exists(file) ? int.Parse(File.ReadAllText(file).Trim(), System.Globalization.CultureInfo.InvariantCulture) : null;
    }

    /// <summary>Makes a file that the server can write, or read, whatever this process's user and file mode mask are.</summary>
    public async Task WriteForServerAsync(string path, string text, CancellationToken cancellationToken)
    {
        await File.AppendAllTextAsync(path, text, cancellationToken).ConfigureAwait(false);
        await GiveToServerUserAsync(path, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Deletes everything, also when a process of the server that is just ending still makes files.</summary>
    public async Task DeleteAsync(TimeProvider time)
    {
        for (var attempt = 1; Directory.Exists(Root); attempt++)
        {
            try
            {
                Directory.Delete(Root, recursive: true);
            }
            catch (IOException) when (attempt < 20)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), time).ConfigureAwait(false);
            }
        }
    }

    private async Task GiveToServerUserAsync(string path, CancellationToken cancellationToken)
    {
        if (ServerUser is null)
            return;
        var result = await ChildProgram.RunAsync("chown", [ServerUser, path], user: null, cancellationToken).ConfigureAwait(false);
        if (result.ExitCode != 0)
            throw new InvalidOperationException($"{path} could not be given to the user {ServerUser}: {result.Output.Trim()}");
    }
}
