using Npgsql;
using UnifiedMemory.TestSupport;

namespace UnifiedMemory.Backup.Tests;

/// <summary>The real PostgreSQL of the run, which archives its log. Each test has schemas and directories of its own.</summary>
[SetUpFixture]
public sealed class BackupServer
{
    private static PostgresCluster? _cluster;

    public static PostgresCluster Cluster => _cluster ?? throw new InvalidOperationException("The server is not started.");

    public static string ConnectionString => Cluster.ConnectionString;

    [OneTimeSetUp]
    public async Task StartAsync() => _cluster = await PostgresCluster.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_cluster is not null)
            await _cluster.DisposeAsync();
    }

    public static async Task ExecuteAsync(string sql, string? connectionString = null)
    {
        await using var connection = await OpenAsync(connectionString);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    public static async Task<T> ScalarAsync<T>(string sql, string? connectionString = null)
    {
        await using var connection = await OpenAsync(connectionString);
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>A session of the test's own, outside every pool.</summary>
    public static async Task<NpgsqlConnection> OpenAsync(string? connectionString = null)
    {
        var connection = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(connectionString ?? ConnectionString) { Pooling = false, ApplicationName = "test" }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }
}
