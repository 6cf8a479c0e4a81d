using System.Diagnostics;
using NUnit.Framework;
using UnifiedMemory.Clusters;
using UnifiedMemory.Installations;
using UnifiedMemory.Machines;
using UnifiedMemory.Processes;

namespace UnifiedMemory.TestSupport;

/// <summary>
/// A PostgreSQL server of a test's own, to stop, kill and start again. Data and port stay the same all the while, and so
/// does the connection string.
/// </summary>
public sealed class PostgresCluster : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private static readonly Lazy<Task<IReadOnlyList<PostgresInstallation>>> Installations =
        new(() => InstallationSearch.FindAsync(Machine.Current().BinaryDirectories, CancellationToken.None));

    private readonly PrivateServer _server;

    private PostgresCluster(PrivateServer server) => _server = server;

    /// <summary>Whether there are local binaries; a container or somebody else's server cannot be killed here.</summary>
    public static bool IsSupported => UnsupportedReason is null;

    /// <summary>The text for <see cref="Assert.Ignore(string)"/>, or <see langword="null"/>.</summary>
    public static string? UnsupportedReason =>
        OperatingSystem.IsWindows() || Installations.Value.GetAwaiter().GetResult().Count == 0
            ? "needs a local PostgreSQL with pgvector, whose server it can stop and kill"
            : null;

    public string ConnectionString => _server.ConnectionString;

    public int Port => _server.Port;

    /// <summary>Where <c>pg_dump</c> and the like are.</summary>
    public string BinDirectory => _server.Cluster.Installation.BinDirectory;

    public string DataDirectory => _server.Cluster.Directory.Data;

    public string LogFile => _server.LogFile;

    /// <summary>The user that the server runs as when it is not this process's: what the server writes to must be its.</summary>
    public string? ServerUser => _server.Cluster.Directory.ServerUser;

    internal PrivateServer Server => _server;

    public bool IsRunning => _server.Cluster.Running is not null;

    /// <summary>Starts a throw-away server; the test is ignored where that is not possible.</summary>
    /// <param name="settings">Server settings by name, <c>max_connections</c> (default 100) among them.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<PostgresCluster> StartAsync(
        IReadOnlyDictionary<string, string>? settings = null, CancellationToken cancellationToken = default)
    {
        if (UnsupportedReason is { } reason)
            Assert.Ignore(reason);
        var options = new LocalPostgresOptions { StartTimeout = Deadline };
        foreach (var (name, value) in settings ?? new Dictionary<string, string>())
        {
            if (name == "max_connections")
                options.MaxConnections = int.Parse(value);
            else
                options.Settings[name] = value;
        }

        options.Validate();
        var installations = await Installations.Value;
        return new(await PrivateServer.StartAsync(installations, options, Machine.Current(), cancellationToken));
    }

    public Task StopAsync(PostgresShutdown shutdown) =>
        _server.Cluster.StopAsync(shutdown == PostgresShutdown.Fast ? ClusterShutdown.Fast : ClusterShutdown.Immediate);

    /// <summary>Starts the server that was stopped or killed, and returns when it takes connections.</summary>
    public Task StartAgainAsync(CancellationToken cancellationToken = default) =>
        _server.Cluster.StartAsync(_server.Settings, Port, LogFile, Deadline, cancellationToken);

    public async Task RestartAsync(PostgresShutdown shutdown, CancellationToken cancellationToken = default)
    {
        await StopAsync(shutdown);
        await StartAgainAsync(cancellationToken);
    }

    /// <summary>
    /// Ends the server's first process with SIGKILL, as the kernel does when memory runs out. The backends notice and end
    /// soon after; <see cref="StartAgainAsync"/> waits for them.
    /// </summary>
    public async Task KillPostmasterAsync(CancellationToken cancellationToken = default)
    {
        var postmaster = _server.Cluster.Running ?? throw new InvalidOperationException("The server does not run.");
        Kill(postmaster.ProcessId);
        var watch = Stopwatch.StartNew();
        while (IsRunning)
        {
            if (watch.Elapsed > Deadline)
                throw new TimeoutException($"The server's process {postmaster.ProcessId} survived SIGKILL for {Deadline}.");
            await Task.Delay(10, cancellationToken);
        }
    }

    /// <summary>
    /// Ends one backend with SIGKILL. The server then ends all the others and recovers, as their shared memory may be damaged.
    /// </summary>
    /// <param name="processId">What <c>pg_backend_pid()</c> said.</param>
    public void KillBackend(int processId)
    {
        var postmaster = _server.Cluster.Running ?? throw new InvalidOperationException("The server does not run.");
        // "pid (name) state parent ..."
        if (OperatingSystem.IsLinux() &&
            File.ReadAllText($"/proc/{processId}/stat").Split(')')[^1].Split(' ')[2] != $"{postmaster.ProcessId}")
            throw new InvalidOperationException($"Process {processId} is no backend of this server.");
        Kill(processId);
    }

    /// <summary>
    /// From now on, new backends cannot make a file, or a segment of shared memory, larger than this: what a small /dev/shm is like.
    /// Linux only; the test is ignored elsewhere.
    /// </summary>
    public async Task LimitFilesAsync(long bytes, CancellationToken cancellationToken = default)
    {
        if (!OperatingSystem.IsLinux())
            Assert.Ignore("needs prlimit");
        var postmaster = _server.Cluster.Running ?? throw new InvalidOperationException("The server does not run.");
        var result = await ChildProgram.RunAsync(
            "prlimit", ["--pid", $"{postmaster.ProcessId}", $"--fsize={bytes}"], ServerUser, cancellationToken);
        if (result.ExitCode != 0)
            throw new InvalidOperationException($"The limit could not be set: {result.Output}");
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private static void Kill(int processId)
    {
        using var process = Process.GetProcessById(processId);
        // A backend's name says what it does: "postgres: user database address state".
        if (!process.ProcessName.StartsWith("postgres", StringComparison.Ordinal))
            throw new InvalidOperationException($"Process {processId} is {process.ProcessName}, not a PostgreSQL server's.");
        process.Kill();
    }
}
