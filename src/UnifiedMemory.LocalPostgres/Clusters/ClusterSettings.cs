using System.Globalization;
using System.Text;

namespace UnifiedMemory.Clusters;

/// <summary>What a cluster's configuration file says, port apart.</summary>
/// <param name="Durable">Whether the data must survive a crash of the operating system.</param>
/// <param name="MaxConnections">PostgreSQL's <c>max_connections</c>.</param>
/// <param name="More">Further settings, which win over the defaults here.</param>
internal sealed record ClusterSettings(bool Durable, int MaxConnections, IReadOnlyDictionary<string, string> More)
{
    public const string FileName = "unified-memory.conf";

    private const long LittleSharedMemory = 512L << 20;

    public string ToText(int port)
    {
        List<KeyValuePair<string, string>> settings =
        [
            new("listen_addresses", "127.0.0.1"),
            new("port", port.ToString(CultureInfo.InvariantCulture)),
            // A socket's path is limited to about 100 bytes, and TCP is what everybody uses.
            new("unix_socket_directories", ""),
            new("max_connections", MaxConnections.ToString(CultureInfo.InvariantCulture)),
            new("lc_messages", "C"),
        ];
        if (!Durable)
        {
            // Only a crash of the operating system could tell the difference, and nothing here is to survive one.
            // synchronous_commit stays on: with it off a crash of the server alone would lose acknowledged writes.
            settings.Add(new("fsync", "off"));
            settings.Add(new("full_page_writes", "off"));
        }

        if (SharedMemoryIsLittle())
            // A parallel index build shares maintenance_work_mem, and fails with "could not resize shared memory segment" in
            // a container, where /dev/shm has 64 MB. Files in the data directory have the disk's size.
            settings.Add(new("dynamic_shared_memory_type", "mmap"));
        settings.AddRange(More);

        var text = new StringBuilder("# Written at each start of the server: what is changed here is lost.\n");
        foreach (var (name, value) in settings)
            text.Append(CultureInfo.InvariantCulture, $"{name} = '{value.Replace("\\", "\\\\").Replace("'", "''")}'\n");
        return text.ToString();
    }

    private static bool SharedMemoryIsLittle() =>
        Directory.Exists("/dev/shm") && new DriveInfo("/dev/shm").TotalSize < LittleSharedMemory;
}
