using System.Runtime.CompilerServices;

namespace UnifiedMemory.Backup;

/// <summary>
/// Backups in a directory, which is best on another machine. A file is written as <c>name.partial</c>, flushed to the disk, and
/// renamed. Its owner alone can read it.
/// </summary>
public sealed class DirectoryBackupTarget : IBackupTarget
{
    private const string Partial = ".partial";
    private const int BufferSize = 1 << 20;

    /// <summary>Names the directory.</summary>
    /// <param name="path">Created when the first backup is written.</param>
    public DirectoryBackupTarget(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        Path = System.IO.Path.GetFullPath(path);
    }

    /// <summary>The directory, in full.</summary>
    public string Path { get; }

    /// <inheritdoc/>
    public string Description => Path;

    /// <inheritdoc/>
    public async Task WriteAsync(string name, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(write);
        var final = PathOf(name);
        var partial = final + Partial;
        Directory.CreateDirectory(Path);
        var options = new FileStreamOptions
        {
            // Nobody else can open it while its writer lives, which is how leftovers are told.
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            Share = FileShare.None,
            BufferSize = BufferSize,
            Options = FileOptions.Asynchronous,
        };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

        // Not in the try: when another writer has it, it is not to be deleted.
        var file = new FileStream(partial, options);
        try
        {
            await using (file.ConfigureAwait(false))
            {
                await write(file, cancellationToken).ConfigureAwait(false);
                await file.FlushAsync(cancellationToken).ConfigureAwait(false);
                file.Flush(flushToDisk: true);
            }

            File.Move(partial, final, overwrite: true);
        }
        catch
        {
            File.Delete(partial);
            throw;
        }
    }

    /// <inheritdoc/>
    public Task<Stream> OpenReadAsync(string name, CancellationToken cancellationToken) =>
        Task.FromResult<Stream>(new FileStream(
            PathOf(name), FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, BufferSize, FileOptions.Asynchronous | FileOptions.SequentialScan));

    /// <inheritdoc/>
    public async IAsyncEnumerable<BackupFile> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask.ConfigureAwait(false);
        if (!Directory.Exists(Path))
            yield break;
        foreach (var file in new DirectoryInfo(Path).EnumerateFiles(prefix + "*"))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!file.Name.EndsWith(Partial, StringComparison.Ordinal))
                yield return new BackupFile(file.Name, file.Length);
        }
    }

    /// <inheritdoc/>
    public Task DeleteAsync(string name, CancellationToken cancellationToken)
    {
        if (Directory.Exists(Path))
            File.Delete(PathOf(name));
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task<int> RemoveLeftoversAsync(string prefix, CancellationToken cancellationToken)
    {
        var removed = 0;
        if (!Directory.Exists(Path))
            return Task.FromResult(removed);
        foreach (var path in Directory.EnumerateFiles(Path, prefix + "*" + Partial))
        {
            try
            {
                using (new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None))
                    File.Delete(path);
                removed++;
            }
            catch (IOException exception) when (exception.GetType() == typeof(IOException))
            {
                // Its writer lives. A sharing violation has no exception type of its own.
            }
        }

        return Task.FromResult(removed);
    }

    private string PathOf(string name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        return name.AsSpan().IndexOfAny('/', '\\', '\0') < 0
            ? System.IO.Path.Combine(Path, name)
            : throw new ArgumentException($"'{name}' is no file name.", nameof(name));
    }
}
