using Npgsql;
using UnifiedMemory.Installations;
using UnifiedMemory.Machines;

namespace UnifiedMemory.Clusters;

/// <summary>One use of a private cluster, from its start, or from joining it, to its end.</summary>
internal sealed class PrivateServer : IAsyncDisposable
{
    private readonly bool _persistent;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;
    private Lease? _lease;

    private PrivateServer(Cluster cluster, Lease lease, LocalPostgresOptions options)
    {
        Cluster = cluster;
        _lease = lease;
        _persistent = options.IsPersistent;
        _timeout = options.StartTimeout;
        _time = options.TimeProvider;
        LogFile = options.LogFile is { } file ? Path.GetFullPath(file) : cluster.Directory.LogFile;
        Settings = new ClusterSettings(
            options.IsPersistent, options.MaxConnections, options.Settings.ToDictionary(StringComparer.OrdinalIgnoreCase));
    }

    public Cluster Cluster { get; }

    public ClusterSettings Settings { get; }

    public string LogFile { get; }

    public int Port { get; private set; }

    public string ConnectionString { get; private set; } = "";

    public string Description =>
        $"PostgreSQL {Cluster.Installation.Version} with pgvector {Cluster.Installation.PgvectorVersion} on 127.0.0.1:{Port}";

    public static Task<PrivateServer> StartAsync(
        IReadOnlyList<PostgresInstallation> installations, LocalPostgresOptions options, Machine machine,
        CancellationToken cancellationToken) =>
        options.IsPersistent
            ? StartPersistentAsync(installations, options, machine, cancellationToken)
            : StartThrowAwayAsync(installations[0], options, machine, cancellationToken);

    /// <summary>Leaves the cluster: a throw-away one is deleted, a persistent one stopped when this was its last user.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _lease, null) is not { } lease)
            return;
        if (!_persistent)
        {
            using (lease)
            {
                await Cluster.StopAsync(ClusterShutdown.Immediate).ConfigureAwait(false);
                await Cluster.Directory.DeleteAsync(_time).ConfigureAwait(false);
            }

            return;
        }

        using var taken = await FileLock.TakeAsync(Cluster.Directory.LockFile, _timeout, _time, CancellationToken.None)
            .ConfigureAwait(false);
        lease.Dispose();
        if (!Lease.AnyAlive(Cluster.Directory.Leases))
            await Cluster.StopAsync(ClusterShutdown.Fast).ConfigureAwait(false);
    }

    private static async Task<PrivateServer> StartThrowAwayAsync(
        PostgresInstallation installation, LocalPostgresOptions options, Machine machine, CancellationToken cancellationToken)
    {
        var clusters = new ThrowAwayClusters(machine, options.TimeProvider);
        await clusters.RemoveLeftoversAsync(installation, cancellationToken).ConfigureAwait(false);
        var (directory, lease) = await clusters.CreateAsync(options.StartTimeout, cancellationToken).ConfigureAwait(false);
        var server = new PrivateServer(new Cluster(installation, directory, options.TimeProvider), lease, options);
        try
        {
            await server.RunAsync(options.Database, cancellationToken).ConfigureAwait(false);
            return server;
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static async Task<PrivateServer> StartPersistentAsync(
        IReadOnlyList<PostgresInstallation> installations, LocalPostgresOptions options, Machine machine,
        CancellationToken cancellationToken)
    {
        var root = Path.TrimEndingDirectorySeparator(
            Path.GetFullPath(options.DataDirectory ?? Path.Combine(machine.StateDirectory, "persistent")));
        var directory = new ClusterDirectory(root, machine.ServerUser);
        await directory.CreateAsync(cancellationToken).ConfigureAwait(false);
        using var taken = await FileLock.TakeAsync(directory.LockFile, options.StartTimeout, options.TimeProvider, cancellationToken)
            .ConfigureAwait(false);

        var version = directory.ReadVersion();
        var installation = installations.FirstOrDefault(candidate => version is null || candidate.Version.Major == version)
            ?? throw new InvalidOperationException(
                $"{root} was made by PostgreSQL {version}; with pgvector there is only PostgreSQL " +
                string.Join(", ", installations.Select(found => found.Version)) +
                $". Install PostgreSQL {version} and pgvector for it, or name another directory.");
        var server = new PrivateServer(
            new Cluster(installation, directory, options.TimeProvider), Lease.Take(directory.Leases), options);
        try
        {
            await server.RunAsync(options.Database, cancellationToken).ConfigureAwait(false);
            return server;
        }
        catch
        {
            // Not DisposeAsync, which takes the lock that is held here.
            server._lease?.Dispose();
            if (!Lease.AnyAlive(directory.Leases))
                await server.Cluster.StopAsync(ClusterShutdown.Fast).ConfigureAwait(false);
            throw;
        }
    }

    private async Task RunAsync(string database, CancellationToken cancellationToken)
    {
        await Cluster.InitializeAsync(Settings.Durable, cancellationToken).ConfigureAwait(false);
        Port = Cluster.Running is { } running
            ? running.Port
            : await Cluster.StartAsync(Settings, port: null, LogFile, _timeout, cancellationToken).ConfigureAwait(false);
        var connection = new NpgsqlConnectionStringBuilder
        {
            Host = "127.0.0.1",
            Port = Port,
            Username = Cluster.Superuser,
            Password = Cluster.Directory.ReadPassword(),
            Database = database,
            // The server has neither; saying so saves a round trip for each connection.
            SslMode = SslMode.Disable,
            GssEncryptionMode = GssEncryptionMode.Disable,
        };
        ConnectionString = connection.ConnectionString;
        await EnsureDatabaseAsync(connection, cancellationToken).ConfigureAwait(false);
    }

    private static async Task EnsureDatabaseAsync(NpgsqlConnectionStringBuilder target, CancellationToken cancellationToken)
    {
        var maintenance = new NpgsqlConnectionStringBuilder(target.ConnectionString) { Database = "postgres", Pooling = false };
        using var connection = new NpgsqlConnection(maintenance.ConnectionString);
        await connection.OpenAsync(cancellationToken).ConfigureAwait(false);
        using var find = new NpgsqlCommand("SELECT 1 FROM pg_database WHERE datname = $1", connection)
        {
            Parameters = { new() { Value = target.Database } },
        };
        if (await find.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is not null)
            return;
        var name = target.Database!.Replace("\"", "\"\"", StringComparison.Ordinal);
#pragma warning disable CA2100 // CREATE DATABASE takes no parameters; the name is quoted
        using var create = new NpgsqlCommand($"CREATE DATABASE \"{name}\"", connection);
#pragma warning restore CA2100
        await create.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }
}
