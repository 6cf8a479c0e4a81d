using System.Data;
using System.Diagnostics;
using System.Globalization;
using Dapper;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;
using UnifiedMemory.Monitoring;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Indexing;

/// <summary>Builds, exchanges and drops indexes concurrently, on the session that holds the lock.</summary>
internal sealed class IndexBuilder(
    NpgsqlConnection connection, SessionLock exclusive, UnifiedMemoryOptions options, StoreSchema schema, VectorIndexTable register, int dimensions,
    ILogger logger, TimeProvider time)
{
    /// <summary>The server's own default is 64 MB.</summary>
    private const long SmallestMemory = 64L * 1024 * 1024;

    /// <summary>The server ends each of a build's waits after this. <see cref="BuildWatch"/> does before, and knows how long it worked.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromHours(4);

    /// <summary>
    /// A build waits for transactions that wrote into the table, and at its end for those whose snapshot is older than it; not for
    /// VACUUM and for concurrent builds of other tables, unless those are on expressions or partial. One that has been open for longer
    /// than is waited for will be in the way then: building for an hour to find that out helps nobody.
    /// </summary>
    private readonly string _oldTransaction =
        $"""
        SELECT activity.pid AS "ProcessId", activity.application_name AS "Application", activity.state AS "State",
               extract(epoch FROM now() - activity.xact_start)::float8 AS "Seconds"
        FROM pg_stat_activity AS activity
        WHERE activity.datname = current_database() AND activity.backend_type = 'client backend' AND activity.pid <> pg_backend_pid()
          AND activity.xact_start < now() - @timeout
          AND (activity.backend_xmin IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM pg_stat_progress_vacuum AS vacuum WHERE vacuum.pid = activity.pid)
               AND NOT EXISTS (
                   SELECT 1 FROM pg_stat_progress_create_index AS build JOIN pg_index AS built ON built.indexrelid = build.index_relid
                   WHERE build.pid = activity.pid AND build.command LIKE '% CONCURRENTLY' AND built.indexprs IS NULL AND built.indpred IS NULL)
               OR EXISTS (
                   SELECT 1 FROM pg_locks AS held
                   WHERE held.pid = activity.pid AND held.granted AND held.relation = to_regclass('{schema.Memories}')
                     AND held.mode NOT IN ('AccessShareLock', 'RowShareLock')))
        ORDER BY activity.xact_start LIMIT 1
        """;

    public string Qualified(string name) => $"{schema.Quoted}.{name}";

    /// <summary>Whether processes of the server may build together.</summary>
    public bool IsParallel { private get; set; }

    /// <summary>
    /// Goes on with a session of its own when the driver has closed the former one, as it does after a disk that is full, memory that ran
    /// out, and damage; its lock has gone with it. https://github.com/npgsql/npgsql/blob/main/src/Npgsql/PostgresErrorCodes.cs
    /// </summary>
    public async Task RenewAsync(CancellationToken cancellationToken)
    {
        if (connection.State != ConnectionState.Open)
        {
            await connection.OpenAsync(cancellationToken).ConfigureAwait(false);
            await exclusive.TakeAsync(connection, time, () => Log.WaitingForMaintenance(logger, schema.Name), cancellationToken).ConfigureAwait(false);
        }

        await PrepareAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Settings of the session for everything that follows.</summary>
    public async Task PrepareAsync(CancellationToken cancellationToken)
    {
        await ExecuteAsync(
            """
            SELECT set_config(name, '0', false) FROM pg_settings
            WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')
            """, cancellationToken).ConfigureAwait(false);
        await SetLockTimeoutAsync(options.Indexes.LockTimeout, cancellationToken).ConfigureAwait(false);
        if (!IsParallel)
            await ExecuteAsync("SET max_parallel_maintenance_workers = 0", cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Builds the index beside the one that it is to replace. It ends with an index that can be used or with none: what an
    /// interrupted build leaves behind is dropped, also when the caller has given up.
    /// </summary>
    /// <exception cref="BlockedException">Another transaction was in the way for too long.</exception>
    public async Task<TimeSpan> BuildAsync(
        VectorIndexDefinition index, long rows, IProgress<IndexProgress>? progress, CancellationToken cancellationToken)
    {
        await RequireNoOldTransactionAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await CreateAsync(index, rows, progress, cancellationToken).ConfigureAwait(false);
        }
        catch (PostgresException exception) when (DatabaseFailure.IsShortOfSharedMemory(exception))
        {
            // Processes that build together share all of maintenance_work_mem, and a container has 64 MB to share. One alone shares nothing.
            Log.IndexBuiltAlone(logger, index.Name, schema.Name, DatabaseFailure.Reason(exception));
            IsParallel = false;
            await RenewAsync(cancellationToken).ConfigureAwait(false);
            await DropAsync(index.BuildingName, cancellationToken).ConfigureAwait(false);
            return await CreateAsync(index, rows, progress, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<TimeSpan> CreateAsync(
        VectorIndexDefinition index, long rows, IProgress<IndexProgress>? progress, CancellationToken cancellationToken)
    {
        await ExecuteAsync(
            $"""
            SELECT set_config(name, least({Number(MemoryFor(index, rows) / 1024)}, max_val::bigint) || 'kB', false) FROM pg_settings
            WHERE name = 'maintenance_work_mem'
            """, cancellationToken).ConfigureAwait(false);
        await SetLockTimeoutAsync(LongestWait, cancellationToken).ConfigureAwait(false);
        var started = Stopwatch.GetTimestamp();
        try
        {
            await WatchedAsync(
                index.Name, index.CreateSql(schema, index.BuildingName, dimensions), progress, cancellationToken).ConfigureAwait(false);
            var took = Stopwatch.GetElapsedTime(started);
            await SetLockTimeoutAsync(options.Indexes.LockTimeout, cancellationToken).ConfigureAwait(false);
            return took;
        }
        catch (Exception exception) when (exception is PostgresException or OperationCanceledException or BlockedException)
        {
            await DropQuietlyAsync(index.BuildingName).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>
    /// Gives the index that was built its name, and the register its row, at once. Renaming takes no lock that a search would
    /// wait for; the index that had the name serves until then, and is dropped afterwards or by a later run.
    /// </summary>
    public async Task ExchangeAsync(
        VectorIndexDefinition index, Replaced replaced, long rows, TimeSpan? buildTime, int effort, CancellationToken cancellationToken)
    {
        var bytes = await SizeAsync(index.BuildingName, cancellationToken).ConfigureAwait(false);
        var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        await using (transaction.ConfigureAwait(false))
        {
            if (replaced != Replaced.None)
                await ExecuteAsync($"ALTER INDEX {Qualified(index.Name)} RENAME TO {index.ReplacedName}", cancellationToken).ConfigureAwait(false);
            await ExecuteAsync($"ALTER INDEX {Qualified(index.BuildingName)} RENAME TO {index.Name}", cancellationToken).ConfigureAwait(false);
            await register.RecordAsync(connection, index, rows, bytes, buildTime, effort, cancellationToken).ConfigureAwait(false);
            await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
        }

        // Should something be in the way now, a later run finds it by its name.
        if (replaced == Replaced.Drop)
            await DropQuietlyAsync(index.ReplacedName).ConfigureAwait(false);
    }

    /// <exception cref="BlockedException">Another transaction was in the way for too long.</exception>
    public Task DropAsync(string name, CancellationToken cancellationToken) =>
        WatchedAsync(name, $"DROP INDEX CONCURRENTLY IF EXISTS {Qualified(name)}", progress: null, cancellationToken);

    public Task<long> SizeAsync(string name, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<long>(new CommandDefinition(
            $"SELECT COALESCE(pg_relation_size(to_regclass('{Qualified(name)}')), 0)", cancellationToken: cancellationToken));

    /// <summary>Runs the statement, and says whom it waited for when it did so in vain.</summary>
    private async Task WatchedAsync(string index, string sql, IProgress<IndexProgress>? progress, CancellationToken cancellationToken)
    {
        var watch = BuildWatch.Start(options, connection.ProcessID, index, progress, time);
        await using (watch.ConfigureAwait(false))
        {
            try
            {
                await ExecuteAsync(sql, cancellationToken).ConfigureAwait(false);
            }
            catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.LockNotAvailable
                || (exception.SqlState == PostgresErrorCodes.QueryCanceled && watch.HasGivenUp))
            {
                throw new BlockedException(watch.Blocker, exception);
            }
        }
    }

    /// <summary>
    /// Not with the caller's token: it may be why this is called. When the connection is gone, or something is in the way, the
    /// next run finds the index to be invalid.
    /// </summary>
    public async Task DropQuietlyAsync(string name)
    {
        try
        {
            if (connection.State != ConnectionState.Open)
                return;
            await SetLockTimeoutAsync(options.Indexes.LockTimeout, CancellationToken.None).ConfigureAwait(false);
            await DropAsync(name, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is NpgsqlException or BlockedException or IOException)
        {
            // The failure that led here is the one to be told of.
        }
    }

    private async Task RequireNoOldTransactionAsync(CancellationToken cancellationToken)
    {
        var blocker = await connection.QueryFirstOrDefaultAsync<Blocker>(new CommandDefinition(
            _oldTransaction, new SqlParameters().Add("timeout", NpgsqlDbType.Interval, options.Indexes.LockTimeout),
            cancellationToken: cancellationToken)).ConfigureAwait(false);
        if (blocker is not null)
            throw new BlockedException(blocker);
    }

    private long MemoryFor(VectorIndexDefinition index, long rows)
    {
        var needed = index.Method == VectorIndexMethod.Hnsw
            ? IndexSizing.HnswBytes(rows, dimensions, index.HalfPrecision, index.M)
            : IndexSizing.IvfFlatBytes(index.Lists, dimensions, index.HalfPrecision);
        return Math.Clamp(IndexSizing.WithMargin(needed), SmallestMemory, options.Indexes.MaxMemoryBytes);
    }

    private Task<int> SetLockTimeoutAsync(TimeSpan timeout, CancellationToken cancellationToken) =>
        ExecuteAsync($"SET lock_timeout = {Number((long)timeout.TotalMilliseconds)}", cancellationToken);

    private Task<int> ExecuteAsync(string sql, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(sql, cancellationToken: cancellationToken));

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
