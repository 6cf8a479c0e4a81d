using System.Runtime.ExceptionServices;
using FluentMigrator.Infrastructure;
using FluentMigrator.Runner;
using FluentMigrator.Runner.VersionTableInfo;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using UnifiedMemory.Monitoring;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Migrations;

/// <summary>
/// Applies and takes back the steps of the schema with FluentMigrator, which has no lock of its own (of six hosts that
/// migrated together five failed): the lock is taken outside, before versions are read.
/// </summary>
internal sealed class Migrator(
    Database database, UnifiedMemoryOptions options, StoreSchema schema, ILoggerFactory loggerFactory, TimeProvider time)
{
    private readonly ILogger _logger = loggerFactory.CreateLogger<Migrator>();
    private readonly StoreRegistry _registry = new(schema);

    /// <summary>Applies what is pending, and records the digest of the embedding space where none was known.</summary>
    public Task<StoreState> MigrateAsync(EmbeddingSpace space, CancellationToken cancellationToken) =>
        WithLockAsync(async (connection, token) =>
        {
            var steps = SchemaSteps.All(schema, space, options.TextSearchConfiguration);
            var before = await _registry.ReadAsync(connection, token).ConfigureAwait(false);
            StoreChecks.RequireNotNewer(schema, before, steps);
            StoreChecks.RequirePgvector(before);
            StoreChecks.RequireSpace(schema, before, space);
            StoreChecks.RequireTextConfiguration(schema, before, options.TextSearchConfiguration);
            await ServerRequirements.EnsureAsync(connection, token).ConfigureAwait(false);
            if (steps.Count > before.Applied.Count)
            {
                await WaitForIndexesAsync(connection, token).ConfigureAwait(false);
                await RunUpAsync(connection, steps, token).ConfigureAwait(false);
                Log.Migrated(_logger, schema.Name, before.Version, steps[^1].Version);
            }

            // Another host may have applied the steps, see RunUpAsync.
            var after = await _registry.ReadAsync(connection, token).ConfigureAwait(false);
            StoreChecks.RequireSpace(schema, after, space);
            await _registry.RecordDigestAsync(connection, space.Digest, token).ConfigureAwait(false);
            return after;
        }, cancellationToken);

    /// <summary>Takes back every step above the version.</summary>
    public Task<StoreState> MigrateDownAsync(long version, EmbeddingSpace space, CancellationToken cancellationToken) =>
        WithLockAsync(async (connection, token) =>
        {
            var steps = SchemaSteps.All(schema, space, options.TextSearchConfiguration);
            if (version < 0 || version > steps[^1].Version)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(version), version, $"The schema has the versions 0 (nothing) to {steps[^1].Version}.");
            }

            var before = await _registry.ReadAsync(connection, token).ConfigureAwait(false);
            StoreChecks.RequireNotNewer(schema, before, steps);
            if (before.Version > version)
            {
                await WaitForIndexesAsync(connection, token).ConfigureAwait(false);
                await RunAsync(steps, runner => runner.MigrateDown(version), token).ConfigureAwait(false);
                Log.Migrated(_logger, schema.Name, before.Version, version);
            }

            return await _registry.ReadAsync(connection, token).ConfigureAwait(false);
        }, cancellationToken);

    /// <summary>
    /// A host whose lock was lost with its session may have been followed by this one while it still worked. What it finished
    /// fails here as existing already, and is what was wanted.
    /// </summary>
    private async Task RunUpAsync(NpgsqlConnection connection, IReadOnlyList<SchemaStep> steps, CancellationToken cancellationToken)
    {
        try
        {
            await RunAsync(steps, runner => runner.MigrateUp(), cancellationToken).ConfigureAwait(false);
        }
        catch (PostgresException)
        {
            var after = await _registry.ReadAsync(connection, cancellationToken).ConfigureAwait(false);
            if (after.Version < steps[^1].Version)
                throw;
        }
    }

    /// <summary>On a connection of its own, which holds the lock until it is closed.</summary>
    private Task<StoreState> WithLockAsync(
        Func<NpgsqlConnection, CancellationToken, Task<StoreState>> work, CancellationToken cancellationToken) =>
        database.RetryAsync("migrate", async token =>
        {
            var connection = new NpgsqlConnection(ConnectionSettings.Unpooled(options));
            await using (connection.ConfigureAwait(false))
            {
                await connection.OpenAsync(token).ConfigureAwait(false);
                await SessionLock.Migration(schema).TakeAsync(
                    connection, time, () => Log.WaitingForMigration(_logger, schema.Name), token).ConfigureAwait(false);
                return await work(connection, token).ConfigureAwait(false);
            }
        }, cancellationToken);

    /// <summary>
    /// A step's ALTER TABLE would wait for an index that another host builds, and every search would queue behind it. Nobody
    /// who maintains indexes waits for the lock of migrations, so the two cannot block each other.
    /// </summary>
    private Task WaitForIndexesAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        SessionLock.IndexMaintenance(schema).TakeAsync(
            connection, time, () => Log.WaitingForMaintenance(_logger, schema.Name), cancellationToken);

    /// <summary>FluentMigrator is synchronous, so cancelling takes effect before it starts; each step is a transaction.</summary>
    private async Task RunAsync(IReadOnlyList<SchemaStep> steps, Action<IMigrationRunner> run, CancellationToken cancellationToken)
    {
        // A container of its own: FluentMigrator's services are not put into the host's.
        var services = new ServiceCollection()
            .AddSingleton(loggerFactory)
            .AddLogging()
            .AddFluentMigratorCore()
            .ConfigureRunner(runner => runner
                .AddPostgres15_0()
                .WithGlobalConnectionString(ConnectionSettings.Unpooled(options))
                .WithGlobalCommandTimeout(Timeout.InfiniteTimeSpan))
            .AddSingleton<IMigrationInformationLoader>(new ExplicitSteps(steps))
            .AddSingleton<IVersionTableMetaData>(new SchemaVersions(schema));
        try
        {
            var provider = services.BuildServiceProvider();
            await using (provider.ConfigureAwait(false))
            {
                var scope = provider.CreateAsyncScope();
                await using (scope.ConfigureAwait(false))
                {
                    var runner = scope.ServiceProvider.GetRequiredService<IMigrationRunner>();
                    await Task.Run(() => run(runner), cancellationToken).ConfigureAwait(false);
                }
            }
        }
        catch (Exception exception) when (exception.InnerException is PostgresException { SqlState: PostgresErrorCodes.RaiseException } refusal)
        {
            // A step says why it does not apply, and the way out.
            throw new UnifiedMemoryException("migrate", refusal.MessageText, isTransient: false, refusal);
        }
        catch (Exception exception) when (exception.InnerException is NpgsqlException cause)
        {
            // FluentMigrator wraps the error of a statement into a plain exception that quotes the statement. When the
            // connection is gone, its processor fails once more while it is disposed of, with the same cause.
            ExceptionDispatchInfo.Throw(cause);
        }
    }

    /// <summary>The steps as they are listed: scanning an assembly would miss internal types.</summary>
    private sealed class ExplicitSteps(IReadOnlyList<SchemaStep> steps) : IMigrationInformationLoader
    {
        public SortedList<long, IMigrationInfo> LoadMigrations() => new(steps.ToDictionary(
            step => step.Version,
            step => (IMigrationInfo)new MigrationInfo(
                step.Version, step.Description, FluentMigrator.TransactionBehavior.Default, false, step.ToMigration)));
    }

    private sealed class SchemaVersions(StoreSchema schema) : IVersionTableMetaData
    {
        public bool OwnsSchema => true;

        public string SchemaName => schema.Name;

        public string TableName => StoreSchema.SchemaVersionsName;

        public string ColumnName => "version";

        public string DescriptionColumnName => "description";

        public string AppliedOnColumnName => "applied_on";

        public string UniqueIndexName => "schema_versions_version";

        public bool CreateWithPrimaryKey => false;
    }
}
