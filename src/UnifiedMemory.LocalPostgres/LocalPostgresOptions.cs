using System.Text;
using System.Text.RegularExpressions;

namespace UnifiedMemory;

/// <summary>
/// How <see cref="LocalPostgres"/> starts a server. None of it applies to a server that <c>UNIFIED_MEMORY_CONNECTION</c> names.
/// </summary>
public sealed partial class LocalPostgresOptions
{
    // They decide how the server is reached, and that it is reached from this machine only.
    private static readonly string[] OwnSettings = ["port", "listen_addresses", "unix_socket_directories", "max_connections"];

    /// <summary>
    /// Where a persistent cluster lives. Setting it makes the cluster persistent. The directory is created with access for the
    /// server's user only; one that holds something else is refused. Default: none, see <see cref="Persistent"/>.
    /// </summary>
    public string? DataDirectory { get; set; }

    /// <summary>
    /// Whether the data outlives the process. Without a <see cref="DataDirectory"/> there is one cluster a user, in
    /// <c>unified-memory/persistent</c> below the user's local application data (<c>/var/lib</c> for root). Several processes
    /// share its server: the first starts it, the last stops it. In a container, the data stays with the container, which
    /// goes on running. Default: <see langword="false"/>, the cluster is deleted when it is disposed of.
    /// </summary>
    public bool Persistent { get; set; }

    /// <summary>The server's <c>max_connections</c>, 10 to 10,000. Default: 100.</summary>
    public int MaxConnections { get; set; } = 100;

    /// <summary>
    /// Further server settings by their names in <c>postgresql.conf</c>, for example <c>shared_buffers</c> = <c>512MB</c>.
    /// A shared persistent server has those of the process that started it.
    /// </summary>
    public IDictionary<string, string> Settings { get; } = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>The database to connect to, created when it is missing. Default: <c>memory</c>.</summary>
    public string Database { get; set; } = "memory";

    /// <summary>Where the server's log is appended to. Default: <c>server.log</c> beside the data; deleted with it.</summary>
    public string? LogFile { get; set; }

    /// <summary>How long a start may take, of which waiting for another process is a part. Default: 60 seconds.</summary>
    public TimeSpan StartTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>The clock for waiting. Default: <see cref="TimeProvider.System"/>.</summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    internal bool IsPersistent => Persistent || DataDirectory is not null;

    /// <exception cref="ArgumentException">One or more options are wrong; the message names them all.</exception>
    internal void Validate()
    {
        List<string> errors = [];
        if (DataDirectory is not null && string.IsNullOrWhiteSpace(DataDirectory))
            errors.Add($"{nameof(DataDirectory)} is blank; set a path, or null for the default.");
        if (MaxConnections is < 10 or > 10_000)
            errors.Add($"{nameof(MaxConnections)} is {MaxConnections}; it must be 10 to 10,000.");
        if (string.IsNullOrWhiteSpace(Database) || Database.Contains('\0') || Encoding.UTF8.GetByteCount(Database) > 63)
            errors.Add($"{nameof(Database)} is \"{Database}\"; it must have 1 to 63 bytes of UTF-8.");
        if (StartTimeout < TimeSpan.FromSeconds(1) || StartTimeout > TimeSpan.FromHours(1))
            errors.Add($"{nameof(StartTimeout)} is {StartTimeout}; it must be one second to one hour.");
        foreach (var (name, value) in Settings)
        {
            if (!SettingName().IsMatch(name))
                errors.Add($"{nameof(Settings)} has the name \"{name}\"; a name consists of letters, digits, '_' and '.'.");
            else if (OwnSettings.Contains(name, StringComparer.OrdinalIgnoreCase))
                errors.Add($"{nameof(Settings)} sets {name}, which is fixed; see {nameof(MaxConnections)}.");
            if (value is null || value.AsSpan().ContainsAny('\r', '\n', '\0'))
                errors.Add($"{nameof(Settings)} has a value for {name} that is null or has more than one line.");
        }

        if (errors.Count > 0)
            throw new ArgumentException("The options for a local PostgreSQL are wrong. " + string.Join(' ', errors));
    }

    [GeneratedRegex(@"\A[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?\z")]
    private static partial Regex SettingName();
}
