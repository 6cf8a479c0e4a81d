using System.Globalization;

namespace UnifiedMemory.Clusters;

/// <summary>One user of a cluster: a file that stays locked while its process lives.</summary>
internal sealed class Lease : IDisposable
{
    private readonly FileStream _file;

    private Lease(FileStream file) => _file = file;

    public static Lease Take(string directory)
    {
        var file = new FileStream(
            Path.Combine(directory, Guid.NewGuid().ToString("N")), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None);
        // For a person who looks; nothing reads it.
        file.Write("process "u8);
        file.Write(System.Text.Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture)));
        file.Flush();
        return new Lease(file);
    }

    /// <summary>Whether any process still uses the cluster. The leases of dead ones are removed.</summary>
    public static bool AnyAlive(string directory)
    {
        if (!Directory.Exists(directory))
            return false;
        var alive = false;
        foreach (var path in Directory.GetFiles(directory))
        {
            using var taken = FileLock.TakeOrNull(path);
            if (taken is null)
                alive = true;
            else
                File.Delete(path);
        }

        return alive;
    }

    public void Dispose()
    {
        // A throw-away cluster has been deleted by now, and this file with it.
        if (File.Exists(_file.Name))
            File.Delete(_file.Name);
        _file.Dispose();
    }
}
