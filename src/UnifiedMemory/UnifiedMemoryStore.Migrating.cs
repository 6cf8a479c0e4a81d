using UnifiedMemory.Migrations;
using UnifiedMemory.Monitoring;
using UnifiedMemory.Postgres;

namespace UnifiedMemory;

public sealed partial class UnifiedMemoryStore
{
    /// <summary>
    /// Creates the schema or brings it up to this library's version, and records the embedding space. Safe to call again, and
    /// from many hosts at once: one migrates, the others wait. Needs a direct connection to the primary (no pooler in
    /// transaction mode) and a role that may create schemas; the extension <c>vector</c> is created where the role may.
    /// </summary>
    /// <param name="cancellationToken">Ends waiting for other hosts; a migration that has started is finished.</param>
    /// <exception cref="UnifiedMemoryException">
    /// The database is newer than this library, holds vectors of another embedding space, or lacks pgvector; the message says
    /// what an administrator must run.
    /// </exception>
    public Task<MigrationStatus> MigrateAsync(CancellationToken cancellationToken = default) =>
        Operation.RunAsync("migrate", async _ =>
        {
            var space = await DescribeSpaceAsync(cancellationToken).ConfigureAwait(false);
            var state = await _migrator.MigrateAsync(space, cancellationToken).ConfigureAwait(false);

            // Connections opened before the extension was created do not know the type.
            await _database.ReloadTypesAsync(cancellationToken).ConfigureAwait(false);
            return Status(state);
        });

    /// <summary>Takes back every step of the schema above the version, with what it holds. Version 0 removes all memories.</summary>
    /// <param name="version">The version to end at.</param>
    /// <param name="cancellationToken">Ends waiting for other hosts; a migration that has started is finished.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such version.</exception>
    public Task<MigrationStatus> MigrateDownAsync(long version, CancellationToken cancellationToken = default) =>
        Operation.RunAsync("migrate", async _ =>
        {
            var state = await _migrator.MigrateDownAsync(version, ConfiguredSpace, cancellationToken).ConfigureAwait(false);
            _opening.Reset();
            return Status(state);
        });

    /// <summary>Which steps of the schema are applied and which are pending. Changes nothing.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    public Task<MigrationStatus> GetMigrationStatusAsync(CancellationToken cancellationToken = default) =>
        Operation.RunAsync("migration_status", async _ =>
            Status(await ReadStateAsync(cancellationToken).ConfigureAwait(false)));

    /// <summary>Without asking the service, which the way down and the numbers of the steps do not need.</summary>
    private EmbeddingSpace ConfiguredSpace => new("", _embeddingProvider.Model, _embeddingProvider.Dimensions);

    private MigrationStatus Status(StoreState state) =>
        new(state.Applied, StoreChecks.Pending(state, SchemaSteps.All(_schema, ConfiguredSpace, _options.TextSearchConfiguration)));
}
