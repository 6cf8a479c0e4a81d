using Npgsql;

namespace UnifiedMemory.Tests;

/// <summary>The real PostgreSQL that the whole run uses. Each fixture has schemas of its own in it.</summary>
[SetUpFixture]
public sealed class TestServer
{
    private static LocalPostgres? _server;

    public static string ConnectionString => _server!.ConnectionString;

    [OneTimeSetUp]
    public async Task StartAsync() =>
        _server = await LocalPostgres.StartAsync(new LocalPostgresOptions { MaxConnections = 150 });

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_server is not null)
            await _server.DisposeAsync();
    }

    public static async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    public static async Task<T> ScalarAsync<T>(string sql)
    {
        await using var connection = new NpgsqlConnection(ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }
}
