using System.Text.RegularExpressions;
using UnifiedMemory.Backup.Dumping;
using UnifiedMemory.Backup.Verifying;

namespace UnifiedMemory.Backup.Restoring;

/// <summary>
/// A copy of a backup's data, whose hash is that of the manifest, for as long as it is needed. What a killed process has left goes with
/// the next one.
/// </summary>
internal sealed partial class FetchedFile : IDisposable
{
    private const int BufferSize = 1 << 20;

    /// <summary>Between its creation and its lock, a file looks like one of a dead process.</summary>
    private static readonly TimeSpan LeastAge = TimeSpan.FromMinutes(1);

    private readonly FileStream _file;

    private FetchedFile(FileStream file) => _file = file;

    public string Path => _file.Name;

    /// <exception cref="CheckFailedException">The file is missing, or not the one that was written.</exception>
    public static async Task<FetchedFile> FetchAsync(
        BackupOptions options, BackupManifest manifest, IProgress<BackupProgress>? progress, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(options.WorkDirectory);
        RemoveLeftovers(options.WorkDirectory);

        // Open, and so locked by the kernel, as long as this process lives: that is how leftovers are told.
        var create = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            Share = FileShare.Read | FileShare.Delete,
            BufferSize = 0,
            Options = FileOptions.Asynchronous,
        };
        if (!OperatingSystem.IsWindows())
            create.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var path = System.IO.Path.GetFullPath(System.IO.Path.Combine(options.WorkDirectory, $"unifiedmemory-{Guid.NewGuid():N}-{manifest.FileName}"));
        var file = new FetchedFile(new FileStream(path, create));
        try
        {
            await file.CopyAsync(options.Target!, manifest, progress, cancellationToken).ConfigureAwait(false);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        File.Delete(Path);
        _file.Dispose();
    }

    private static void RemoveLeftovers(string directory)
    {
        foreach (var file in new DirectoryInfo(directory).EnumerateFiles("unifiedmemory-*"))
        {
            if (!Name().IsMatch(file.Name) || TimeProvider.System.GetUtcNow() - file.LastWriteTimeUtc < LeastAge)
                continue;
            try
            {
                // A living process holds it.
                using (new FileStream(file.FullName, FileMode.Open, FileAccess.ReadWrite, FileShare.None))
                    file.Delete();
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // In use, or somebody else's.
            }
        }
    }

    [GeneratedRegex(@"\Aunifiedmemory-[0-9a-f]{32}-[a-z0-9_]+-\d{8}T\d{9}Z-(logical\.dump|physical\.tar\.gz)\z")]
    private static partial Regex Name();

    private async Task CopyAsync(
        IBackupTarget target, BackupManifest manifest, IProgress<BackupProgress>? progress, CancellationToken cancellationToken)
    {
        var measured = new MeasuredStream(_file, bytes => progress?.Report(new BackupProgress(manifest.Id, BackupPhase.Fetching, bytes)));
        await using (measured.ConfigureAwait(false))
        {
            try
            {
                var source = await target.OpenReadAsync(manifest.FileName, cancellationToken).ConfigureAwait(false);
                await using (source.ConfigureAwait(false))
                    await source.CopyToAsync(measured, BufferSize, cancellationToken).ConfigureAwait(false);
            }
            catch (FileNotFoundException)
            {
                throw new CheckFailedException($"{manifest.FileName} is missing");
            }

            if (measured.Bytes != manifest.Bytes)
                throw new CheckFailedException($"{manifest.FileName} has {measured.Bytes} bytes, and {manifest.Bytes} were written");
            if (measured.Sha256() != manifest.Sha256)
                throw new CheckFailedException($"{manifest.FileName} has been changed: its SHA-256 is {measured.Sha256()}, and {manifest.Sha256} was written");
        }
    }
}
