using System.Net;
using System.Net.Sockets;
using UnifiedMemory.Installations;
using UnifiedMemory.Processes;

namespace UnifiedMemory.Clusters;

/// <summary>Makes, starts and stops the server of one <see cref="ClusterDirectory"/>. Callers see to it that one does at a time.</summary>
internal sealed class Cluster(PostgresInstallation installation, ClusterDirectory directory, TimeProvider time)
{
    public const string Superuser = "postgres";

    private const int LogLinesInMessage = 15;

    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(200);

    public ClusterDirectory Directory { get; } = directory;

    public PostgresInstallation Installation { get; } = installation;

    /// <summary>The running server, if it runs.</summary>
    public Postmaster? Running => Postmaster.Find(Directory.Data);

    /// <summary>Runs <c>initdb</c> unless the cluster is there.</summary>
    public async Task InitializeAsync(bool durable, CancellationToken cancellationToken)
    {
        if (Directory.ReadVersion() is not null)
            return;
        if (System.IO.Directory.Exists(Directory.UnfinishedData))
            System.IO.Directory.Delete(Directory.UnfinishedData, recursive: true);

        List<string> arguments =
        [
            "--pgdata", Directory.UnfinishedData, "--username", Superuser, "--auth", "scram-sha-256",
            "--pwfile", await Directory.EnsurePasswordFileAsync(cancellationToken).ConfigureAwait(false),
            "--encoding", "UTF8", .. LocaleArguments(),
        ];
        if (!durable)
            arguments.Add("--no-sync");
        var result = await RunAsync("initdb", arguments, cancellationToken).ConfigureAwait(false);
        if (result.ExitCode != 0)
            throw new InvalidOperationException(
                $"initdb of PostgreSQL {Installation.Version} failed in {Directory.Root}{AsUser()}. {result.Output.Trim()}");

        await File.AppendAllTextAsync(
            Path.Combine(Directory.UnfinishedData, "postgresql.conf"), $"include '{ClusterSettings.FileName}'\n", cancellationToken)
            .ConfigureAwait(false);
        System.IO.Directory.Move(Directory.UnfinishedData, Directory.Data);
    }

    /// <summary>Starts the server and returns when it takes connections.</summary>
    /// <param name="settings">Its configuration.</param>
    /// <param name="port">The port to listen on, or <see langword="null"/> for any that is free.</param>
    /// <param name="logFile">Where its log is appended to.</param>
    /// <param name="timeout">How long it may take.</param>
    /// <param name="cancellationToken">Gives up between attempts.</param>
    /// <returns>The port.</returns>
    public async Task<int> StartAsync(
        ClusterSettings settings, int? port, string logFile, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        await Directory.WriteForServerAsync(logFile, "", cancellationToken).ConfigureAwait(false);
        while (true)
        {
            Postmaster.ForgetStranger(Directory.Data);
            var triedPort = port ?? FindFreePort();
            var configuration = Path.Combine(Directory.Data, ClusterSettings.FileName);
            File.Delete(configuration);
            await Directory.WriteForServerAsync(configuration, settings.ToText(triedPort), cancellationToken).ConfigureAwait(false);
            var logStart = new FileInfo(logFile).Length;

            // Not cancelled: pg_ctl's end without its server's would leave one that nobody knows of.
            var seconds = Math.Ceiling(timeout.TotalSeconds).ToString(System.Globalization.CultureInfo.InvariantCulture);
            var result = await RunAsync(
                "pg_ctl", ["start", "-w", "-s", "-t", seconds, "-D", Directory.Data, "-l", logFile], CancellationToken.None)
                .ConfigureAwait(false);
            if (result.ExitCode == 0)
                return triedPort;

            var log = await ReadLogAsync(logFile, logStart).ConfigureAwait(false);
            if (!MayBeOverSoon(log) || time.GetElapsedTime(started) > timeout)
                throw new InvalidOperationException(
                    $"PostgreSQL {Installation.Version} did not start in {Directory.Root}{AsUser()}. {result.Output.Trim()}\n" +
                    string.Join('\n', log.Split('\n', StringSplitOptions.RemoveEmptyEntries).TakeLast(LogLinesInMessage)));
            await Task.Delay(RetryInterval, time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Stops the server if it runs, and waits for that.</summary>
    public async Task StopAsync(ClusterShutdown shutdown)
    {
        if (Running is not { } server)
            return;
        var mode = shutdown == ClusterShutdown.Fast ? "fast" : "immediate";
        // Never cancelled: whoever stops a server is on the way out and has nobody to leave it to.
        var result = await RunAsync("pg_ctl", ["stop", "-w", "-s", "-m", mode, "-D", Directory.Data], CancellationToken.None)
            .ConfigureAwait(false);
        if (result.ExitCode != 0 && Running == server)
            throw new InvalidOperationException(
                $"The PostgreSQL server in {Directory.Root} (process {server.ProcessId}) did not stop. {result.Output.Trim()}");
    }

    private static int FindFreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    // Another process took the port meanwhile; or, after a kill, the last backends still hold the port or the memory.
    private static bool MayBeOverSoon(string log) =>
        log.Contains("could not bind IPv4 address", StringComparison.Ordinal) ||
        log.Contains("pre-existing shared memory block", StringComparison.Ordinal);

    private static async Task<string> ReadLogAsync(string logFile, long start)
    {
        using var stream = new FileStream(logFile, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        stream.Seek(start, SeekOrigin.Begin);
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync().ConfigureAwait(false);
    }

    private IEnumerable<string> LocaleArguments()
    {
        // Byte order for sorting, Unicode for letters. PostgreSQL brings that itself since 17; before, the system has to.
        if (Installation.Version.Major >= 17)
            return ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"];
        return ["--locale", OperatingSystem.IsLinux() ? "C.UTF-8" : "C"];
    }

    private string AsUser() =>
        Directory.ServerUser is { } user ? $" as the user {user}, who must be able to reach that directory" : "";

    private Task<ProgramResult> RunAsync(string program, IEnumerable<string> arguments, CancellationToken cancellationToken) =>
        ChildProgram.RunAsync(Installation.Program(program), arguments, Directory.ServerUser, cancellationToken);
}
