using System.Diagnostics;
using Npgsql;
using UnifiedMemory.Clusters;
using UnifiedMemory.Machines;
using UnifiedMemory.Processes;

namespace UnifiedMemory.TestSupport;

/// <summary>
/// A hot standby of a <see cref="PostgresCluster"/>: a base backup that streams its primary's log, answers queries, and can be
/// promoted.
/// </summary>
public sealed class PostgresStandby : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly Cluster _cluster;
    private readonly ClusterSettings _settings;
    private readonly string _primary;
    private Lease? _lease;

    private PostgresStandby(Cluster cluster, Lease lease, ClusterSettings settings, string primary)
    {
        _cluster = cluster;
        _lease = lease;
        _settings = settings;
        _primary = primary;
    }

    public int Port { get; private set; }

    public string LogFile => _cluster.Directory.LogFile;

    /// <summary>This server alone.</summary>
    public string ConnectionString => new NpgsqlConnectionStringBuilder(_primary) { Port = Port }.ConnectionString;

    /// <summary>The primary, then this one.</summary>
    public string BothConnectionString => new NpgsqlConnectionStringBuilder(_primary)
    {
        Host = $"127.0.0.1:{new NpgsqlConnectionStringBuilder(_primary).Port},127.0.0.1:{Port}",
    }.ConnectionString;

    /// <summary>Copies the primary and starts the copy on another port, with the primary's settings and these.</summary>
    public static async Task<PostgresStandby> StartAsync(
        PostgresCluster primary, IReadOnlyDictionary<string, string>? settings = null, CancellationToken cancellationToken = default)
    {
        var server = primary.Server;
        var clusters = new ThrowAwayClusters(Machine.Current(), TimeProvider.System);
        var (directory, lease) = await clusters.CreateAsync(Deadline, cancellationToken);
        var more = new Dictionary<string, string>(server.Settings.More, StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in settings ?? new Dictionary<string, string>())
            more[name] = value;
        var standby = new PostgresStandby(
            new Cluster(server.Cluster.Installation, directory, TimeProvider.System), lease, server.Settings with { More = more },
            primary.ConnectionString);
        try
        {
            await standby.CopyAsync(server.Port, server.Cluster.Directory.ReadPassword(), cancellationToken);
            standby.Port = await standby._cluster.StartAsync(standby._settings, port: null, standby.LogFile, Deadline, cancellationToken);
            return standby;
        }
        catch
        {
            await standby.DisposeAsync();
            throw;
        }
    }

    public Task StopAsync(PostgresShutdown shutdown) =>
        _cluster.StopAsync(shutdown == PostgresShutdown.Fast ? ClusterShutdown.Fast : ClusterShutdown.Immediate);

    public Task StartAgainAsync(CancellationToken cancellationToken = default) =>
        _cluster.StartAsync(_settings, Port, LogFile, Deadline, cancellationToken);

    /// <summary>Makes it a primary, and returns when it takes writes.</summary>
    public Task PromoteAsync() => ScalarAsync<bool>("SELECT pg_promote(wait => true, wait_seconds => 60)");

    /// <summary>From now on it lags.</summary>
    public async Task PauseReplayAsync()
    {
        await ScalarAsync<object>("SELECT pg_wal_replay_pause()");
        // Asked for at once, and true when the record under way is replayed.
        await UntilAsync("SELECT pg_get_wal_replay_pause_state() = 'paused'");
    }

    public Task ResumeReplayAsync() => ScalarAsync<object>("SELECT pg_wal_replay_resume()");

    /// <summary>Waits until it shows everything that is committed on the primary now.</summary>
    public async Task CatchUpAsync()
    {
        var position = await ScalarAsync<string>("SELECT pg_current_wal_insert_lsn()::text", _primary);
        await UntilAsync($"SELECT pg_last_wal_replay_lsn() >= '{position}'");
    }

    public async Task<T> ScalarAsync<T>(string sql) => await ScalarAsync<T>(sql, ConnectionString);

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _lease, null) is not { } lease)
            return;
        using (lease)
        {
            await _cluster.StopAsync(ClusterShutdown.Immediate);
            await _cluster.Directory.DeleteAsync(TimeProvider.System);
        }
    }

    private static async Task<T> ScalarAsync<T>(string sql, string connectionString)
    {
        var own = new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false, ApplicationName = "test" };
        while (true)
        {
            try
            {
                await using var connection = new NpgsqlConnection(own.ConnectionString);
                await connection.OpenAsync();
                await using var command = new NpgsqlCommand(sql, connection);
                return (T)(await command.ExecuteScalarAsync())!;
            }
            catch (PostgresException conflict) when (conflict.SqlState == PostgresErrorCodes.SerializationFailure)
            {
                // A standby cancels what is in the way of its replay, a question of a test too.
            }
        }
    }

    private async Task UntilAsync(string condition)
    {
        var watch = Stopwatch.StartNew();
        while (!await ScalarAsync<bool>(condition))
        {
            if (watch.Elapsed > Deadline)
                throw new TimeoutException($"Not so within {Deadline}: {condition}");
            await Task.Delay(10);
        }
    }

    /// <summary>The password goes by a file, whose place is written into the copy's <c>primary_conninfo</c>.</summary>
    private async Task CopyAsync(int primaryPort, string password, CancellationToken cancellationToken)
    {
        var directory = _cluster.Directory;
        var passwords = Path.Combine(directory.Root, "pgpass");
        await directory.WriteForServerAsync(passwords, $"127.0.0.1:*:*:{Cluster.Superuser}:{password}\n", cancellationToken);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(passwords, UnixFileMode.UserRead | UnixFileMode.UserWrite); // libpq ignores one that others can read
        string[] arguments =
        [
            "--pgdata", directory.Data, "--write-recovery-conf", "--wal-method", "stream", "--checkpoint", "fast", "--no-sync",
            "--dbname", $"host=127.0.0.1 port={primaryPort} user={Cluster.Superuser} passfile='{passwords}' sslmode=disable application_name=standby",
        ];
        var result = await ChildProgram.RunAsync(
            _cluster.Installation.Program("pg_basebackup"), arguments, directory.ServerUser, cancellationToken);
        if (result.ExitCode != 0)
            throw new InvalidOperationException($"pg_basebackup failed. {result.Output.Trim()}");
    }
}
