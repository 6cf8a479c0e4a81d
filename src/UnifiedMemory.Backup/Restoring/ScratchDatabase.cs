using Dapper;
using UnifiedMemory.Backup.Contents;
using UnifiedMemory.Backup.Programs;

namespace UnifiedMemory.Backup.Restoring;

/// <summary>An empty database to restore into, which is dropped afterwards: on the server given for it, or on a private one.</summary>
internal sealed class ScratchDatabase : IAsyncDisposable
{
    private readonly ServerAddress _server;
    private readonly LocalPostgres? _private;

    private ScratchDatabase(ServerAddress server, LocalPostgres? started, string name)
    {
        _server = server;
        _private = started;
        Address = server.With(change => change.Database = name);
    }

    public ServerAddress Address { get; }

    public string Description => _private?.ToString() ?? "the scratch server";

    public static async Task<ScratchDatabase> CreateAsync(BackupOptions options, CancellationToken cancellationToken)
    {
        var started = options.ScratchConnectionString is null ? await StartAsync(cancellationToken).ConfigureAwait(false) : null;
        var scratch = new ScratchDatabase(
            new ServerAddress(options.ScratchConnectionString ?? started!.ConnectionString), started, $"unifiedmemory_scratch_{Guid.NewGuid():N}"[..40]);
        try
        {
            await scratch.ExecuteAsync($"CREATE DATABASE {RowText.Quote(scratch.Address.Database)} TEMPLATE template0", cancellationToken).ConfigureAwait(false);
            return scratch;
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
        // Not cancelled: nobody else would drop it.
        if (_private is null or { Origin: not LocalPostgresOrigin.LocalBinaries })
            await ExecuteAsync($"DROP DATABASE IF EXISTS {RowText.Quote(Address.Database)} WITH (FORCE)", CancellationToken.None).ConfigureAwait(false);
        if (_private is not null)
            await _private.DisposeAsync().ConfigureAwait(false);
    }

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

    private async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        var connection = await _server.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
            await connection.ExecuteAsync(new CommandDefinition(sql, cancellationToken: cancellationToken)).ConfigureAwait(false);
    }
}
