using Dapper;
using Npgsql;
using UnifiedMemory.Backup.Contents;
using UnifiedMemory.Backup.Programs;

namespace UnifiedMemory.Backup.Restoring;

/// <summary>
/// An empty database to restore into, which is dropped afterwards: on the server given for it, or on a private one. What a killed process
/// has left there goes with the next one.
/// </summary>
internal sealed class ScratchDatabase : IAsyncDisposable
{
    /// <summary>Nobody is in them; that holds from looking to dropping, as the server drops no database with a session.</summary>
    private const string LeftoversSql = @"SELECT datname::text FROM pg_database WHERE datname ~ '^unifiedmemory_scratch_[0-9a-f]{18}$'";

    private const string StaySql = "SET idle_session_timeout = 0";

    private readonly ServerAddress _server;
    private readonly LocalPostgres? _private;
    private readonly NpgsqlConnection _session;

    private ScratchDatabase(ServerAddress server, LocalPostgres? started, ServerAddress address, NpgsqlConnection session)
    {
        _server = server;
        _private = started;
        _session = session;
        Address = address;
    }

    public ServerAddress Address { get; }

    public string Description => _private?.ToString() ?? "the scratch server";

    public static async Task<ScratchDatabase> CreateAsync(BackupOptions options, CancellationToken cancellationToken)
    {
        var started = options.ScratchConnectionString is null ? await StartAsync(cancellationToken).ConfigureAwait(false) : null;
        var server = new ServerAddress(options.ScratchConnectionString ?? started!.ConnectionString);
        try
        {
            if (started is null)
                await RemoveLeftoversAsync(server, cancellationToken).ConfigureAwait(false);
            while (true)
            {
                var address = server.With(change => change.Database = $"unifiedmemory_scratch_{Guid.NewGuid():N}"[..40]);
                await ExecuteAsync(server, $"CREATE DATABASE {RowText.Quote(address.Database)} TEMPLATE template0", cancellationToken).ConfigureAwait(false);
                try
                {
                    return new ScratchDatabase(server, started, address, await OpenAsync(server, address, cancellationToken).ConfigureAwait(false));
                }
                catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.InvalidCatalogName)
                {
                    // Another host has cleared up in between.
                }
            }
        }
        catch
        {
            if (started is not null)
                await started.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _session.DisposeAsync().ConfigureAwait(false);

        // Not cancelled: until the next one, nobody else would drop it.
        if (_private is null or { Origin: not LocalPostgresOrigin.LocalBinaries })
            await ExecuteAsync(_server, DropSql(Address), CancellationToken.None).ConfigureAwait(false);
        if (_private is not null)
            await _private.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>A session in it, to its end, tells others that it is in use.</summary>
    private static async Task<NpgsqlConnection> OpenAsync(ServerAddress server, ServerAddress address, CancellationToken cancellationToken)
    {
        NpgsqlConnection? session = null;
        try
        {
            session = await address.OpenAsync(cancellationToken).ConfigureAwait(false);
            await session.ExecuteAsync(new CommandDefinition(StaySql, cancellationToken: cancellationToken)).ConfigureAwait(false);
            return session;
        }
        catch
        {
            if (session is not null)
                await session.DisposeAsync().ConfigureAwait(false);
            await DropQuietlyAsync(server, address).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>What is left goes with the next one. The failure that led here is the one to tell.</summary>
    private static async Task DropQuietlyAsync(ServerAddress server, ServerAddress address)
    {
        try
        {
            await ExecuteAsync(server, DropSql(address), CancellationToken.None).ConfigureAwait(false);
        }
        catch (NpgsqlException)
        {
        }
    }

    private static string DropSql(ServerAddress address) => $"DROP DATABASE IF EXISTS {RowText.Quote(address.Database)} WITH (FORCE)";

    /// <summary>One that is thrown away needs no log that others could follow.</summary>
    private static async Task<LocalPostgres> StartAsync(CancellationToken cancellationToken)
    {
        var options = new LocalPostgresOptions
        {
            MaxConnections = 20,
            Settings = { ["wal_level"] = "minimal", ["max_wal_senders"] = "0", ["max_wal_size"] = "4GB", ["shared_buffers"] = "256MB", ["autovacuum"] = "off" },
        };
        try
        {
            return await LocalPostgres.StartAsync(options, cancellationToken).ConfigureAwait(false);
        }
        catch (InvalidOperationException exception)
        {
            throw new UnifiedMemoryException(
                "verify", $"There is no server to restore into. Set {nameof(BackupOptions)}.{nameof(BackupOptions.ScratchConnectionString)}, or: {exception.Message}",
                isTransient: false, exception);
        }
    }

    private static async Task RemoveLeftoversAsync(ServerAddress server, CancellationToken cancellationToken)
    {
        var connection = await server.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            foreach (var name in (await connection.QueryAsync<string>(new CommandDefinition(LeftoversSql, cancellationToken: cancellationToken)).ConfigureAwait(false)).AsList())
            {
                try
                {
                    await connection.ExecuteAsync(new CommandDefinition($"DROP DATABASE {RowText.Quote(name)}", cancellationToken: cancellationToken)).ConfigureAwait(false);
                }
                catch (PostgresException exception) when (
                    exception.SqlState is PostgresErrorCodes.ObjectInUse or PostgresErrorCodes.InvalidCatalogName or PostgresErrorCodes.InsufficientPrivilege)
                {
                    // In use, gone by now, or somebody else's.
                }
            }
        }
    }

    private static async Task ExecuteAsync(ServerAddress server, string sql, CancellationToken cancellationToken)
    {
        var connection = await server.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
            await connection.ExecuteAsync(new CommandDefinition(sql, cancellationToken: cancellationToken)).ConfigureAwait(false);
    }
}
