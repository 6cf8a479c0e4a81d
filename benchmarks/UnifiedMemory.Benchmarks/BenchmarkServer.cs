using Npgsql;

namespace UnifiedMemory.Benchmarks;

/// <summary>The PostgreSQL that is measured, one for the whole process. The only place that knows where it comes from.</summary>
internal sealed class BenchmarkServer : IAsyncDisposable
{
    public const string Variable = "UNIFIED_MEMORY_CONNECTION";

    private static string? connectionString;

    private BenchmarkServer()
    {
    }

    /// <summary>A role on it may create schemas, and the extension <c>vector</c> where that is missing.</summary>
    public static string ConnectionString =>
        connectionString ?? throw new InvalidOperationException("The server is not started.");

    public static Task<BenchmarkServer> StartAsync()
    {
        connectionString = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } value
            ? value
            : throw new InvalidOperationException(
                $"{Variable} is not set. Give it the connection string of a PostgreSQL with pgvector and a database to fill.");
        return Task.FromResult(new BenchmarkServer());
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

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
