using System.Formats.Tar;
using System.IO.Compression;
using UnifiedMemory.Backup.Programs;
using UnifiedMemory.Backup.Verifying;

namespace UnifiedMemory.Backup.Physical;

/// <summary>A server's data directory, made from a base backup.</summary>
internal sealed class ServerDirectory
{
    private const string OwnerOnly = "700";

    private ServerDirectory(string path, string? serverUser)
    {
        Path = path;
        ServerUser = serverUser;
    }

    public string Path { get; }

    /// <summary>Whom to run the server as, which refuses root; <c>null</c> when this process is not root.</summary>
    public string? ServerUser { get; }

    /// <exception cref="ArgumentException">There is something already.</exception>
    public static ServerDirectory Create(string path)
    {
        path = System.IO.Path.GetFullPath(path);
        if (OperatingSystem.IsWindows())
            throw new PlatformNotSupportedException("Physical backups are restored on Linux and macOS.");
        if (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any())
            throw new ArgumentException($"{path} is not empty. A server is restored into a new directory, never over another one.", nameof(path));
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return new ServerDirectory(path, Environment.IsPrivilegedProcess ? FindServerUser() : null);
    }

    /// <summary>Unpacks the backup and compares each of its files with PostgreSQL's own manifest.</summary>
    /// <exception cref="CheckFailedException">It cannot be unpacked, or pg_verifybackup refuses it.</exception>
    public async Task<string> UnpackAsync(BackupManifest manifest, string archive, string verifyProgram, CancellationToken cancellationToken)
    {
        try
        {
            var file = new FileStream(archive, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 20, FileOptions.Asynchronous | FileOptions.SequentialScan);
            await using (file.ConfigureAwait(false))
            {
                // Without compression, pg_basebackup writes a plain tar.
                var magic = new byte[2];
                await file.ReadAtLeastAsync(magic, magic.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
                file.Position = 0;
                Stream tar = magic is [0x1f, 0x8b] ? new GZipStream(file, CompressionMode.Decompress) : file;
                await using (tar.ConfigureAwait(false))
                    await TarFile.ExtractToDirectoryAsync(tar, Path, overwriteFiles: false, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (exception is InvalidDataException or EndOfStreamException or FormatException)
        {
            throw new CheckFailedException($"{manifest.FileName} cannot be unpacked: {exception.Message}");
        }

        var result = await ChildProgram.RunAsync(new ProgramCall(verifyProgram, ["--quiet", Path]), cancellationToken).ConfigureAwait(false);
        return result.ExitCode == 0
            ? "every file is as PostgreSQL's own manifest says"
            : throw CheckFaults.Of(result, $"pg_verifybackup refuses {manifest.FileName}: {result.Messages}");
    }

    /// <summary>Whatever was written by this process is the server's from now on.</summary>
    public async Task GiveToServerAsync(CancellationToken cancellationToken)
    {
        await RunAsync("chmod", [OwnerOnly, Path], cancellationToken).ConfigureAwait(false);
        if (ServerUser is not null)
            await RunAsync("chown", ["-R", ServerUser, Path], cancellationToken).ConfigureAwait(false);
    }

    private static async Task RunAsync(string program, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var result = await ChildProgram.RunAsync(new ProgramCall(program, arguments), cancellationToken).ConfigureAwait(false);
        if (result.ExitCode != 0)
            throw new MissingPrerequisiteException("restore", $"{program} failed: {result.Messages}");
    }

    /// <summary>Whom a server runs as that root starts.</summary>
    public static string FindServerUser() =>
        File.ReadLines("/etc/passwd").Any(line => line.StartsWith("postgres:", StringComparison.Ordinal)) ? "postgres" : "nobody";
}
