using Npgsql;
using UnifiedMemory.Clusters;
using UnifiedMemory.Containers;
using UnifiedMemory.Installations;
using UnifiedMemory.Machines;

namespace UnifiedMemory;

/// <summary>
/// A PostgreSQL with pgvector for development, samples and tests. It is the first of these that there is: the server that
/// <c>UNIFIED_MEMORY_CONNECTION</c> names; a private cluster of the newest local PostgreSQL that has pgvector; a container.
/// </summary>
/// <example>
/// <code>
/// await using LocalPostgres server = await LocalPostgres.StartAsync();
/// services.AddUnifiedMemory(options => options.ConnectionString = server.ConnectionString);
/// </code>
/// </example>
public sealed class LocalPostgres : IAsyncDisposable
{
    private readonly string _description;
    private readonly IAsyncDisposable? _started;

    private LocalPostgres(LocalPostgresOrigin origin, string connectionString, string description, IAsyncDisposable? started)
    {
        Origin = origin;
        ConnectionString = connectionString;
        _description = description;
        _started = started;
    }

    /// <summary>
    /// The connection string, with the password of a superuser. A private cluster listens on 127.0.0.1 only.
    /// </summary>
    public string ConnectionString { get; }

    /// <summary>Where the server comes from.</summary>
    public LocalPostgresOrigin Origin { get; }

    /// <summary>
    /// Starts a server, or joins the one that another process runs on the same persistent directory. It runs when this
    /// returns, and the database is there; extensions are left to the migrations.
    /// </summary>
    /// <param name="options">How to start it; <see langword="null"/> for the defaults.</param>
    /// <param name="cancellationToken">Gives up; what was started is stopped first.</param>
    /// <exception cref="ArgumentException">An option is wrong; the message names every one that is.</exception>
    /// <exception cref="InvalidOperationException">
    /// There is no PostgreSQL with pgvector here, and the message has the commands that provide it; or the server did not
    /// start, and the message has the end of its log.
    /// </exception>
    public static Task<LocalPostgres> StartAsync(
        LocalPostgresOptions? options = null, CancellationToken cancellationToken = default) =>
        StartAsync(options ?? new LocalPostgresOptions(), Machine.Current(), cancellationToken);

    internal static async Task<LocalPostgres> StartAsync(
        LocalPostgresOptions options, Machine machine, CancellationToken cancellationToken)
    {
        options.Validate();
        if (machine.ExistingConnection is { } named)
            return new(LocalPostgresOrigin.ExistingServer, named, $"the server of {Machine.ConnectionVariable}", started: null);

        if (!OperatingSystem.IsWindows())
        {
            var installations = await InstallationSearch.FindAsync(machine.BinaryDirectories, cancellationToken)
                .ConfigureAwait(false);
            if (installations.Count > 0)
            {
                var server = await PrivateServer.StartAsync(installations, options, machine, cancellationToken)
                    .ConfigureAwait(false);
                return new(LocalPostgresOrigin.LocalBinaries, server.ConnectionString, server.Description, server);
            }
        }

        if (machine.MayUseContainers)
        {
            var server = await ContainerServer.StartOrNullAsync(options, machine.StateDirectory, cancellationToken).ConfigureAwait(false);
            if (server is not null)
                return new(LocalPostgresOrigin.Container, server.ConnectionString, ContainerServer.Description, server);
        }

        throw new InvalidOperationException(InstallationAdvice.For(machine));
    }

    /// <summary>
    /// Stops what was started, once: a throw-away cluster is deleted, a persistent one is stopped when no other process uses
    /// it. Pooled connections to it are closed first.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (_started is null)
            return;
        using (var connection = new NpgsqlConnection(ConnectionString))
            NpgsqlConnection.ClearPool(connection);
        await _started.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>The server's version and origin; no credentials.</summary>
    public override string ToString() => _description;
}
