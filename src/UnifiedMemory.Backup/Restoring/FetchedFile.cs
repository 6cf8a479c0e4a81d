using UnifiedMemory.Backup.Dumping;
using UnifiedMemory.Backup.Verifying;

namespace UnifiedMemory.Backup.Restoring;

/// <summary>A copy of a backup's data, whose hash is that of the manifest, for as long as it is needed.</summary>
internal sealed class FetchedFile : IDisposable
{
    private const int BufferSize = 1 << 20;

    private FetchedFile(string path) => Path = path;

    public string Path { get; }

    /// <exception cref="CheckFailedException">The file is missing, or not the one that was written.</exception>
    public static async Task<FetchedFile> FetchAsync(
        BackupOptions options, BackupManifest manifest, IProgress<BackupProgress>? progress, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(options.WorkDirectory);
        var file = new FetchedFile(System.IO.Path.Combine(options.WorkDirectory, $"unifiedmemory-{Guid.NewGuid():N}-{manifest.FileName}"));
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

    public void Dispose() => File.Delete(Path);

    private async Task CopyAsync(
        IBackupTarget target, BackupManifest manifest, IProgress<BackupProgress>? progress, CancellationToken cancellationToken)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, BufferSize = 0, Options = FileOptions.Asynchronous };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var copy = new FileStream(Path, options);
        await using (copy.ConfigureAwait(false))
        {
            var measured = new MeasuredStream(copy, bytes => progress?.Report(new BackupProgress(manifest.Id, BackupPhase.Fetching, bytes)));
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
}
