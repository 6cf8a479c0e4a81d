namespace UnifiedMemory.Clusters;

/// <summary>
/// An exclusive lock between processes: an open file that nobody else can open. The kernel releases it when its process
/// dies, however it dies, so a lock that is held is proof of a living holder: a process id would not be, as ids are used
/// again and mean nothing in another container.
/// </summary>
internal static class FileLock
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    /// <exception cref="InvalidOperationException">Another process held the lock all the time.</exception>
    public static async Task<FileStream> TakeAsync(
        string path, TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        while (true)
        {
            if (TakeOrNull(path) is { } taken)
                return taken;
            if (time.GetElapsedTime(started) > timeout)
                throw new InvalidOperationException(
                    $"Another process has been holding {path} for {timeout.TotalSeconds:0} s. Wait for it, or end it.");
            await Task.Delay(Interval, time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <returns><see langword="null"/> when another process, or another holder in this one, has it.</returns>
    public static FileStream? TakeOrNull(string path)
    {
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException exception) when (exception.GetType() == typeof(IOException))
        {
            // A sharing violation has no exception type of its own; those of other causes are subclasses.
            return null;
        }
    }
}
