using Microsoft.Extensions.Logging;
using Npgsql;
using UnifiedMemory.Monitoring;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Indexing;

/// <summary>Looks after the vector indexes: one process at a time for each schema, on a connection of its own.</summary>
internal sealed class IndexMaintenance(
    Database database, UnifiedMemoryOptions options, StoreSchema schema, VectorIndexTable register, int dimensions, ILogger logger, TimeProvider time)
{
    private readonly IndexCatalog _catalog = new(schema);

    /// <summary>Maintains the indexes, after whoever is at it.</summary>
    public async Task<IndexReport> MaintainAsync(IProgress<IndexProgress>? progress, CancellationToken cancellationToken) =>
        (await RunAsync(wait: true, progress, cancellationToken).ConfigureAwait(false))!;

    /// <summary>Maintains the indexes, or returns <c>null</c> when another process does.</summary>
    public Task<IndexReport?> TryMaintainAsync(CancellationToken cancellationToken) => RunAsync(wait: false, progress: null, cancellationToken);

    private Task<IndexReport?> RunAsync(bool wait, IProgress<IndexProgress>? progress, CancellationToken cancellationToken) =>
        database.RetryAsync("maintain_indexes", async token =>
        {
            var connection = new NpgsqlConnection(ConnectionSettings.Maintenance(options));
            await using (connection.ConfigureAwait(false))
            {
                await connection.OpenAsync(token).ConfigureAwait(false);
                var server = await RequireServerAsync(connection, token).ConfigureAwait(false);
                var exclusive = SessionLock.IndexMaintenance(schema);
                if (wait)
                    await exclusive.TakeAsync(connection, time, () => Log.WaitingForMaintenance(logger, schema.Name), token).ConfigureAwait(false);
                else if (!await exclusive.TryTakeAsync(connection, token).ConfigureAwait(false))
                    return null;

                var builder = new IndexBuilder(connection, exclusive, options, schema, register, dimensions, logger, time)
                {
                    IsParallel = server.BuildsSafelyInParallel,
                };
                await builder.PrepareAsync(token).ConfigureAwait(false);
                var run = new IndexRun(connection, builder, _catalog, register, new RecallMeasurement(schema, dimensions), options, schema, dimensions, logger, progress);
                return await run.RunAsync(token).ConfigureAwait(false);
            }
        }, cancellationToken);

    private async Task<IndexCatalog.ServerFacts> RequireServerAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var server = await _catalog.ReadServerAsync(connection, cancellationToken).ConfigureAwait(false)
            ?? throw new CannotMaintainException($"there is no table {schema.Memories}; run MigrateAsync.", PostgresErrorCodes.UndefinedTable);
        if (!server.IsOwner)
        {
            throw new CannotMaintainException(
                $"the role '{server.Role}' does not own the table {schema.Memories}, and only its owner may index it. Maintain the indexes with "
                + $"the role that migrates, and set {nameof(UnifiedMemoryOptions.Indexes)}.{nameof(IndexMaintenanceOptions.Interval)} to zero in this host.",
                PostgresErrorCodes.InsufficientPrivilege);
        }

        // A pooler answers with a process of its own. Behind it, the lock and the settings of a session would be anybody's.
        if (server.ProcessId != connection.ProcessID)
        {
            throw new CannotMaintainException(
                "there is a connection pooler in front of the server. Maintain the indexes from a store whose ConnectionString names the server "
                + $"itself, and set {nameof(UnifiedMemoryOptions.Indexes)}.{nameof(IndexMaintenanceOptions.Interval)} to zero in this host.",
                sqlState: null);
        }

        return server;
    }
}
