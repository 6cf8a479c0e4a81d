using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Npgsql;
using NUnit.Framework;
using UnifiedMemory.Clusters;
using UnifiedMemory.Machines;

namespace UnifiedMemory.TestSupport;

/// <summary>
/// The pooler pgbouncer in transaction mode in front of a <see cref="PostgresCluster"/>. A client's next transaction may run in
/// another session, so that whatever a statement leaves in its session is lost, or shows in somebody else's.
/// </summary>
public sealed class PgBouncer : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);
    private static readonly string[] Directories =
        ["/usr/sbin", "/usr/local/bin", "/opt/homebrew/bin", .. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)];

    private readonly ClusterDirectory _directory;
    private readonly Lease _lease;
    private Process? _process;

    private PgBouncer(ClusterDirectory directory, Lease lease, string connectionString)
    {
        _directory = directory;
        _lease = lease;
        ConnectionString = connectionString;
    }

    public string ConnectionString { get; }

    private static string? Program => Directories.Select(directory => Path.Combine(directory, "pgbouncer")).FirstOrDefault(File.Exists);

    /// <summary>Starts it; the test is ignored where it is not installed.</summary>
    /// <param name="cluster">The server.</param>
    /// <param name="sessions">Sessions on the server, at most.</param>
    public static async Task<PgBouncer> StartAsync(PostgresCluster cluster, int sessions)
    {
        if (Program is not { } program)
        {
            Assert.Ignore("needs pgbouncer; on Debian: apt-get install --no-install-recommends pgbouncer, and stop the service that this starts");
            throw new UnreachableException();
        }

        var server = new NpgsqlConnectionStringBuilder(cluster.ConnectionString);
        var port = FreePort();
        var (directory, lease) = await new ThrowAwayClusters(Machine.Current(), TimeProvider.System).CreateAsync(Deadline, CancellationToken.None);
        var pooler = new PgBouncer(directory, lease, new NpgsqlConnectionStringBuilder(cluster.ConnectionString) { Port = port, Password = null }.ConnectionString);
        try
        {
            var configuration = Path.Combine(directory.Root, "pgbouncer.ini");
            await directory.WriteForServerAsync(configuration,
                $"""
                [databases]
                {server.Database} = host=127.0.0.1 port={server.Port} user={server.Username} password={server.Password}
                [pgbouncer]
                listen_addr = 127.0.0.1
                listen_port = {port}
                unix_socket_dir =
                auth_type = any
                pool_mode = transaction
                default_pool_size = {sessions}
                max_client_conn = 2000

                """, CancellationToken.None);
            var start = new ProcessStartInfo(program, ["--quiet", configuration]) { WorkingDirectory = "/" };
            if (directory.ServerUser is { } user)
                start.UserName = user;
            pooler._process = Process.Start(start)!;
            await pooler.WaitAsync();
            return pooler;
        }
        catch
        {
            await pooler.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        using (_lease)
        {
            if (_process is { } process)
            {
                process.Kill();
                await process.WaitForExitAsync();
                process.Dispose();
            }

            await _directory.DeleteAsync(TimeProvider.System);
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private async Task WaitAsync()
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                await using var connection = new NpgsqlConnection(ConnectionString + ";Pooling=false");
                await connection.OpenAsync();
                return;
            }
            catch (NpgsqlException) when (watch.Elapsed < Deadline && _process is { HasExited: false })
            {
                await Task.Delay(20);
            }
        }
    }
}
