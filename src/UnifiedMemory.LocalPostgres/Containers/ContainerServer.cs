using System.Security.Cryptography;
using DotNet.Testcontainers.Builders;
using Microsoft.Extensions.Logging.Abstractions;
using Testcontainers.PostgreSql;

namespace UnifiedMemory.Containers;

/// <summary>A server in a container that is removed with it; Testcontainers removes it also when this process is killed.</summary>
internal sealed class ContainerServer : IAsyncDisposable
{
    private const string Image = "pgvector/pgvector:pg17";

    // A parallel index build keeps its memory in /dev/shm, of which a container has 64 MB unless told otherwise.
    private const long SharedMemoryBytes = 1L << 30;

    private readonly PostgreSqlContainer _container;

    private ContainerServer(PostgreSqlContainer container) => _container = container;

    public static string Description => $"a container of {Image}";

    public string ConnectionString => _container.GetConnectionString();

    /// <returns><see langword="null"/> when no Docker engine answers.</returns>
    public static async Task<ContainerServer?> StartOrNullAsync(LocalPostgresOptions options, CancellationToken cancellationToken)
    {
        PostgreSqlContainer container;
        try
        {
            container = new PostgreSqlBuilder(Image)
                .WithLogger(NullLogger.Instance)
                .WithDatabase(options.Database)
                .WithPassword(RandomNumberGenerator.GetHexString(32, lowercase: true))
                .WithCommand([.. ServerArguments(options)])
                .WithCreateParameterModifier(parameters => (parameters.HostConfig ??= new()).ShmSize = SharedMemoryBytes)
                .Build();
        }
        catch (DockerUnavailableException)
        {
            return null;
        }

        try
        {
            // Without the start's time-out: pulling the image takes what the network takes.
            await container.StartAsync(cancellationToken).ConfigureAwait(false);
            return new ContainerServer(container);
        }
        catch
        {
            await container.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public ValueTask DisposeAsync() => _container.DisposeAsync();

    private static IEnumerable<string> ServerArguments(LocalPostgresOptions options) =>
        // Testcontainers turns synchronous_commit off, which changes what a crash of the server does to an acknowledged write.
        new Dictionary<string, string> { ["synchronous_commit"] = "on" }
            .Concat(options.Settings)
            .Append(new("max_connections", options.MaxConnections.ToString()))
            .SelectMany(setting => new[] { "-c", $"{setting.Key}={setting.Value}" });
}
