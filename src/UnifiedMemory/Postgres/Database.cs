using System.Data;
using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;
using Npgsql;
using Polly;
using Polly.Retry;
using UnifiedMemory.Monitoring;

namespace UnifiedMemory.Postgres;

/// <summary>
/// The one way to the server: a bounded, fair queue in front of the pool, the retries, and the translation of failures.
/// What runs here must be safe to run again, since a write whose connection died may have been committed.
/// </summary>
internal sealed class Database : IAsyncDisposable, IDisposable
{
    private static readonly ResiliencePropertyKey<long> StartedKey = new("unifiedmemory.started");
    private static readonly ResiliencePropertyKey<string> OperationKey = new("unifiedmemory.operation");
    private static readonly ResiliencePropertyKey<int> ReplaysKey = new("unifiedmemory.replays");

    // Fair: a release hands its slot to the longest waiter of WaitAsync before anybody else can take it, and a waiter that is
    // cancelled or gives up leaves the queue or, when it was handed a slot just then, succeeds.
    // https://github.com/dotnet/runtime/blob/main/src/libraries/System.Private.CoreLib/src/System/Threading/SemaphoreSlim.cs
    private readonly SemaphoreSlim _slots;
    private readonly UnifiedMemoryOptions _options;
    private readonly ILoggerFactory _loggerFactory;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ResiliencePipeline _retry;
    private readonly CancellationTokenSource _closing = new();
    private ConnectionPools _pools;

    public Database(UnifiedMemoryOptions options, ILoggerFactory loggerFactory, TimeProvider time)
    {
        _options = options;
        _time = time;
        _logger = loggerFactory.CreateLogger<Database>();
        _loggerFactory = loggerFactory;
        _pools = new ConnectionPools(options, loggerFactory, time);
        _slots = new SemaphoreSlim(options.MaxPoolSize);
        _retry = new ResiliencePipelineBuilder { TimeProvider = time }.AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = ShouldRetry,
            MaxRetryAttempts = int.MaxValue,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = TimeSpan.FromMilliseconds(50),
            MaxDelay = TimeSpan.FromSeconds(1),
            OnRetry = OnRetry,
        }).Build();
    }

    /// <summary>Runs the work on a pooled connection to the primary, again where that may help.</summary>
    /// <param name="operation">What is being done, for errors and metrics.</param>
    /// <param name="work">Must be safe to run more than once.</param>
    /// <param name="cancellationToken">Ends waiting, retrying and the statement under way.</param>
    /// <exception cref="UnifiedMemoryException">The database failed, or no connection was free in time.</exception>
    /// <exception cref="ObjectDisposedException">The store is disposed, or was while the work was under way.</exception>
    public Task<T> RunAsync<T>(
        string operation, Func<NpgsqlConnection, CancellationToken, Task<T>> work, CancellationToken cancellationToken) =>
        RetryAsync(operation, token => AttemptAsync(operation, onStandby: false, work, token), cancellationToken);

    /// <summary>
    /// As <see cref="RunAsync"/>, on a standby where one is preferred and answers. What fails there is tried on the primary, and
    /// the other way round: a standby may cancel a query that is in the way of its replay, or lag behind a migration.
    /// </summary>
    /// <param name="operation">What is being done, for errors and metrics.</param>
    /// <param name="latest">Whether the work must see what was committed before, and so goes to the primary.</param>
    /// <param name="work">Only reads, and must be safe to run more than once.</param>
    /// <param name="cancellationToken">Ends waiting, retrying and the statement under way.</param>
    public Task<T> ReadAsync<T>(
        string operation, bool latest, Func<NpgsqlConnection, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        if (latest || !_options.PreferStandby)
            return RunAsync(operation, work, cancellationToken);
        var attempts = 0;
        return RetryAsync(
            operation, token => AttemptAsync(operation, onStandby: attempts++ % 2 == 0, work, token), cancellationToken);
    }

    /// <summary>For connections that are opened from now on: those of before an extension was created do not know its types.</summary>
    public Task ReloadTypesAsync(CancellationToken cancellationToken) =>
        RunAsync("open", async (connection, token) =>
        {
            await ReloadTypesAsync(_pools, connection, token).ConfigureAwait(false);
            return true;
        }, cancellationToken);

    /// <summary>The retries and the translation of failures, for work that has a connection of its own.</summary>
    public async Task<T> RetryAsync<T>(string operation, Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_closing.IsCancellationRequested, typeof(UnifiedMemoryStore));
        using var either = cancellationToken.CanBeCanceled ? CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _closing.Token) : null;
        var context = ResilienceContextPool.Shared.Get(operation, (either ?? _closing).Token);
        context.Properties.Set(StartedKey, _time.GetTimestamp());
        context.Properties.Set(OperationKey, operation);
        try
        {
            return await _retry.ExecuteAsync(
                static async (context, work) => await work(context.CancellationToken).ConfigureAwait(false), context, work).ConfigureAwait(false);
        }
        catch (Exception) when (_closing.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new ObjectDisposedException(nameof(UnifiedMemoryStore));
        }
        catch (OperationCanceledException exception) when (cancellationToken.IsCancellationRequested)
        {
            // The token inside is the linked one, by which the caller would not know his own cancellation.
            throw new OperationCanceledException(exception.Message, exception, cancellationToken);
        }
        catch (Exception exception) when (exception is NpgsqlException or SocketException or IOException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw DatabaseFailure.Describe(operation, exception);
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    /// <summary>Ends what waits and what is under way. Neither source nor queue is disposed of: calls that end may still use them.</summary>
    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync().ConfigureAwait(false);
        await _pools.All.DisposeAsync().ConfigureAwait(false);
    }

    public void Dispose()
    {
        _closing.Cancel();
        _pools.All.Dispose();
    }

    private async Task<T> AttemptAsync<T>(
        string operation, bool onStandby, Func<NpgsqlConnection, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        var waiting = _time.GetTimestamp();
        var free = await _slots.WaitAsync(_options.AcquisitionTimeout, cancellationToken).ConfigureAwait(false);
        StoreMetrics.ConnectionWait.Record(_time.GetElapsedTime(waiting).TotalSeconds);
        if (!free)
            throw DatabaseFailure.Busy(operation, _options);
        try
        {
            var pools = _pools;
            var connection = await OpenAsync(pools, onStandby, cancellationToken).ConfigureAwait(false);
            await using (connection.ConfigureAwait(false))
            {
                var started = _time.GetTimestamp();
                try
                {
                    return await work(connection, cancellationToken).ConfigureAwait(false);
                }
                catch (DataException exception) when (exception.InnerException is NpgsqlException cause)
                {
                    // Dapper wraps what goes wrong while it reads a row.
                    ExceptionDispatchInfo.Throw(cause);
                    throw;
                }
                catch (NotSupportedException exception) when (exception.Message.Contains("in the types that were loaded", StringComparison.Ordinal))
                {
                    if (await HasVectorsAsync(connection, cancellationToken).ConfigureAwait(false))
                        await ReloadTypesAsync(pools, connection, cancellationToken).ConfigureAwait(false);
                    throw new SchemaBehindException(exception);
                }
                catch (PostgresException exception) when (onStandby && IsOfSchema(exception.SqlState))
                {
                    throw new SchemaBehindException(exception);
                }
                finally
                {
                    StoreMetrics.RecordDatabase(operation, _time.GetElapsedTime(started));
                }
            }
        }
        finally
        {
            _slots.Release();
        }
    }

    private static async Task<NpgsqlConnection> OpenAsync(ConnectionPools pools, bool onStandby, CancellationToken cancellationToken)
    {
        var opening = onStandby ? pools.OpenOnStandbyAsync(CancellationToken.None) : pools.Primary.OpenConnectionAsync(CancellationToken.None);
        if (opening.IsCompletedSuccessfully)
            return opening.Result;
        var connecting = opening.AsTask();
        try
        {
            // Npgsql (10.0.3) does not look at the token while a host that was reached is silent. A connection that is nearly
            // there when its caller gives up is for the next.
            return await connecting.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            _ = CloseAsync(connecting);
            throw;
        }
        catch (NpgsqlException exception) when (exception.InnerException is TimeoutException)
        {
            // Looks like a command that took too long, and unlike that is worth another try.
            throw new ConnectTimeoutException(exception);
        }
    }

    /// <summary>Gives back what a caller has not waited for. The connect time-out and the size of the pool bound how many there are.</summary>
    private static async Task CloseAsync(Task<NpgsqlConnection> connecting)
    {
        await ((Task)connecting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (connecting.IsCompletedSuccessfully)
            await (await connecting.ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
    }

    private static async Task<bool> HasVectorsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand("SELECT EXISTS (SELECT FROM pg_type WHERE typname = 'vector')", connection);
        await using (command.ConfigureAwait(false))
            return await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is true;
    }

    private async Task ReloadTypesAsync(ConnectionPools pools, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (pools.CanReloadTypes)
        {
            await connection.ReloadTypesAsync(cancellationToken).ConfigureAwait(false);
            return;
        }

        // Cleared, not disposed of: another call may be about to open a connection from the old ones.
        var fresh = new ConnectionPools(_options, _loggerFactory, _time);
        var superseded = Interlocked.CompareExchange(ref _pools, fresh, pools) == pools ? pools : fresh;
        superseded.All.Clear();
    }

    /// <summary>A schema, table, column, type or function that is not there.</summary>
    private static bool IsOfSchema(string state) => state is PostgresErrorCodes.InvalidSchemaName or PostgresErrorCodes.UndefinedTable
        or PostgresErrorCodes.UndefinedColumn or PostgresErrorCodes.UndefinedObject or PostgresErrorCodes.UndefinedFunction;

    private ValueTask<bool> ShouldRetry(RetryPredicateArguments<object> args)
    {
        if (args.Outcome.Exception is not { } exception || _closing.IsCancellationRequested)
            return ValueTask.FromResult(false);
        var properties = args.Context.Properties;
        switch (RetryRules.For(exception))
        {
            case RetryRule.Replay:
                var replays = properties.GetValue(ReplaysKey, 0);
                properties.Set(ReplaysKey, replays + 1);
                return ValueTask.FromResult(replays < RetryRules.MaxReplays);
            case RetryRule.UntilBudget:
                return ValueTask.FromResult(_time.GetElapsedTime(properties.GetValue(StartedKey, 0)) < _options.RetryBudget);
            default:
                return ValueTask.FromResult(false);
        }
    }

    private ValueTask OnRetry(OnRetryArguments<object> args)
    {
        var operation = args.Context.Properties.GetValue(OperationKey, "");
        var state = (args.Outcome.Exception as PostgresException)?.SqlState ?? args.Outcome.Exception?.GetType().Name ?? "";
        StoreMetrics.RecordRetry(operation, state);
        Log.Retrying(_logger, operation, state, args.AttemptNumber + 1, args.RetryDelay);
        Activity.Current?.AddEvent(new ActivityEvent("retry"));
        _pools.LookAtHostsAgain();
        return ValueTask.CompletedTask;
    }
}
