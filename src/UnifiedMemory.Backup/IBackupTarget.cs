namespace UnifiedMemory.Backup;

/// <summary>
/// Where backups are kept: named files that are there whole or not at all. One target, or one folder or prefix of it, for each store.
/// Names consist of <c>a-z 0-9 _ - .</c> and <c>T Z</c>. Implementations are thread-safe.
/// </summary>
public interface IBackupTarget
{
    /// <summary>What it is, for logs and messages; no credentials.</summary>
    string Description { get; }

    /// <summary>Writes a file. It has its name only when all of it is kept; a failure leaves nothing under it.</summary>
    /// <param name="name">The file's name.</param>
    /// <param name="write">Writes the content, once, from the beginning to the end. The stream cannot seek.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    Task WriteAsync(string name, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken);

    /// <summary>Reads a file.</summary>
    /// <param name="name">The file's name.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    Task<Stream> OpenReadAsync(string name, CancellationToken cancellationToken);

    /// <summary>The files that are there whole.</summary>
    /// <param name="prefix">What their names begin with.</param>
    /// <param name="cancellationToken">Ends the stream.</param>
    IAsyncEnumerable<BackupFile> ListAsync(string prefix, CancellationToken cancellationToken);

    /// <summary>Deletes a file; one that is not there is none either way.</summary>
    /// <param name="name">The file's name.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    Task DeleteAsync(string name, CancellationToken cancellationToken);

    /// <summary>Removes what writers have left that were killed. Nobody else writes files with this prefix meanwhile.</summary>
    /// <param name="prefix">What the names of the files begin with.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>How many were removed.</returns>
    Task<int> RemoveLeftoversAsync(string prefix, CancellationToken cancellationToken);
}
