using Npgsql;

namespace UnifiedMemory.Benchmarks;

/// <summary>The PostgreSQL that is measured, one for the whole process. The only place that knows where it comes from.</summary>
internal sealed class BenchmarkServer : IAsyncDisposable
{
    private static LocalPostgres? _server;

    private BenchmarkServer()
    {
    }

    public static string ConnectionString =>
        _server?.ConnectionString ?? throw new InvalidOperationException("The server is not started.");

    /// <summary>
    /// The server that <c>UNIFIED_MEMORY_CONNECTION</c> names, or a private one. Its memory is set as on a server that is meant
    /// for this; the defaults of PostgreSQL are for any machine, and would measure the disk.
    /// </summary>
    public static async Task<BenchmarkServer> StartAsync()
    {
        var options = new LocalPostgresOptions();
        options.Settings["shared_buffers"] = "2GB";
        options.Settings["maintenance_work_mem"] = "1GB";
        options.Settings["max_wal_size"] = "4GB";
        _server = await LocalPostgres.StartAsync(options);
        return new BenchmarkServer();
    }

    /// <summary>Runs SQL that prepares a measurement, outside every pool.</summary>
    public static async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(ConnectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync();
    }

    public static async Task<T> QueryAsync<T>(string sql)
    {
        await using var connection = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(ConnectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public ValueTask DisposeAsync() => _server!.DisposeAsync();
}
