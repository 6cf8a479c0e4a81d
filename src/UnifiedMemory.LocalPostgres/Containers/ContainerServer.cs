using System.Security.Cryptography;
using DotNet.Testcontainers.Builders;
using Microsoft.Extensions.Logging.Abstractions;
using Testcontainers.PostgreSql;
using UnifiedMemory.Clusters;

namespace UnifiedMemory.Containers;

/// <summary>
/// A server in a container. Testcontainers removes it, also when this process is killed; a persistent one stays, is shared by
/// the processes of the user, and is found again by its label.
/// </summary>
internal sealed class ContainerServer : IAsyncDisposable
{
    private const string Image = "pgvector/pgvector:pg17";

    // A parallel index build keeps its memory in /dev/shm, of which a container has 64 MB unless told otherwise.
    private const long SharedMemoryBytes = 1L << 30;

    private const string PersistentLabel = "unifiedmemory.persistent";

    private readonly PostgreSqlContainer _container;
    private readonly bool _persistent;

    private ContainerServer(PostgreSqlContainer container, bool persistent)
    {
        _container = container;
        _persistent = persistent;
    }

    public static string Description => $"a container of {Image}";

    public string ConnectionString => _container.GetConnectionString();

    /// <returns><see langword="null"/> when no Docker engine answers.</returns>
    public static async Task<ContainerServer?> StartOrNullAsync(
        LocalPostgresOptions options, string stateDirectory, CancellationToken cancellationToken)
    {
        PostgreSqlContainer container;
        try
        {
            var builder = new PostgreSqlBuilder(Image)
                .WithLogger(NullLogger.Instance)
                .WithDatabase(options.Database)
                .WithPassword(options.IsPersistent
                    ? await KeptPasswordAsync(stateDirectory, options.StartTimeout, options.TimeProvider, cancellationToken).ConfigureAwait(false)
                    : NewPassword())
                .WithCommand([.. ServerArguments(options)])
                .WithCreateParameterModifier(parameters => (parameters.HostConfig ??= new()).ShmSize = SharedMemoryBytes);
            if (options.IsPersistent)
                builder = builder.WithReuse(true).WithLabel(PersistentLabel, options.DataDirectory ?? "default");
            container = builder.Build();
        }
        catch (DockerUnavailableException)
        {
            return null;
        }

        try
        {
            // Without the start's time-out: pulling the image takes what the network takes.
            await container.StartAsync(cancellationToken).ConfigureAwait(false);
            return new ContainerServer(container, options.IsPersistent);
        }
        catch
        {
            await container.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>A persistent container goes on running: disposing of it would stop it for the processes that share it.</summary>
    public ValueTask DisposeAsync() => _persistent ? ValueTask.CompletedTask : _container.DisposeAsync();

    private static string NewPassword() => RandomNumberGenerator.GetHexString(32, lowercase: true);

    /// <summary>
    /// The container keeps the password that it was made with, so later runs need the same. Under a lock: a move that must not
    /// replace a file looks first and renames then, and of two processes the second could replace what the first has read.
    /// </summary>
    internal static async Task<string> KeptPasswordAsync(
        string stateDirectory, TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(stateDirectory);
        var file = Path.Combine(stateDirectory, "container-password");
        using var taken = await FileLock.TakeAsync(file + ".lock", timeout, time, cancellationToken).ConfigureAwait(false);
        if (!File.Exists(file))
        {
            var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            var unfinished = file + ".unfinished";
            var writer = new StreamWriter(unfinished, options);
            await using (writer.ConfigureAwait(false))
                await writer.WriteAsync(NewPassword().AsMemory(), cancellationToken).ConfigureAwait(false);
            File.Move(unfinished, file);
        }

        return await File.ReadAllTextAsync(file, cancellationToken).ConfigureAwait(false);
    }

    private static IEnumerable<string> ServerArguments(LocalPostgresOptions options) =>
        // Testcontainers turns synchronous_commit off, which changes what a crash of the server does to an acknowledged write.
        new Dictionary<string, string> { ["synchronous_commit"] = "on" }
            .Concat(options.Settings)
            .Append(new("max_connections", options.MaxConnections.ToString()))
            .SelectMany(setting => new[] { "-c", $"{setting.Key}={setting.Value}" });
}
