using System.Data;
using System.Diagnostics;
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
internal sealed class Database : IAsyncDisposable
{
    private static readonly ResiliencePropertyKey<long> StartedKey = new("unifiedmemory.started");
    private static readonly ResiliencePropertyKey<string> OperationKey = new("unifiedmemory.operation");

    private readonly NpgsqlDataSource _dataSource;
    private readonly SemaphoreSlim _slots;
    private readonly UnifiedMemoryOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ResiliencePipeline _retry;

    public Database(UnifiedMemoryOptions options, ILoggerFactory loggerFactory, TimeProvider time)
    {
        _options = options;
        _time = time;
        _logger = loggerFactory.CreateLogger<Database>();
        _dataSource = ConnectionSettings.BuildDataSource(options, loggerFactory);
        _slots = new SemaphoreSlim(options.MaxPoolSize);
        _retry = new ResiliencePipelineBuilder { TimeProvider = time }.AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = ShouldRetry,
            MaxRetryAttempts = int.MaxValue,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = TimeSpan.FromMilliseconds(50),
            MaxDelay = TimeSpan.FromSeconds(2),
            OnRetry = OnRetry,
        }).Build();
    }

    /// <summary>Runs the work on a pooled connection, again where that may help.</summary>
    /// <param name="operation">What is being done, for errors and metrics.</param>
    /// <param name="work">Must be safe to run more than once.</param>
    /// <param name="cancellationToken">Ends waiting, retrying and the statement under way.</param>
    /// <exception cref="UnifiedMemoryException">The database failed, or no connection was free in time.</exception>
    public async Task<T> RunAsync<T>(
        string operation, Func<NpgsqlConnection, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        var context = ResilienceContextPool.Shared.Get(operation, cancellationToken);
        context.Properties.Set(StartedKey, _time.GetTimestamp());
        context.Properties.Set(OperationKey, operation);
        try
        {
            return await _retry.ExecuteAsync(
                static (context, state) => state.Self.AttemptAsync(state.Operation, state.Work, context.CancellationToken),
                context, (Self: this, Operation: operation, Work: work)).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is NpgsqlException or System.Net.Sockets.SocketException or IOException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw DatabaseFailure.Describe(operation, exception);
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    /// <summary>Makes types known that were created after the first connection, such as <c>vector</c>.</summary>
    public Task ReloadTypesAsync(CancellationToken cancellationToken) => _dataSource.ReloadTypesAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _dataSource.DisposeAsync().ConfigureAwait(false);
        _slots.Dispose();
    }

    private async ValueTask<T> AttemptAsync<T>(
        string operation, Func<NpgsqlConnection, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        var waiting = _time.GetTimestamp();
        if (!await _slots.WaitAsync(_options.AcquisitionTimeout, cancellationToken).ConfigureAwait(false))
            throw DatabaseFailure.Busy(operation, _options);
        try
        {
            var connection = await _dataSource.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            await using (connection.ConfigureAwait(false))
            {
                var started = _time.GetTimestamp();
                StoreMetrics.ConnectionWait.Record(_time.GetElapsedTime(waiting, started).TotalSeconds);
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

    private ValueTask<bool> ShouldRetry(RetryPredicateArguments<object> args) => ValueTask.FromResult(
        args.Outcome.Exception is { } exception && RetryRules.For(exception) switch
        {
            RetryRule.Replay => args.AttemptNumber < RetryRules.MaxReplays,
            RetryRule.UntilBudget => _time.GetElapsedTime(args.Context.Properties.GetValue(StartedKey, 0)) < _options.RetryBudget,
            _ => false,
        });

    private ValueTask OnRetry(OnRetryArguments<object> args)
    {
        var operation = args.Context.Properties.GetValue(OperationKey, "");
        var state = (args.Outcome.Exception as PostgresException)?.SqlState ?? args.Outcome.Exception?.GetType().Name ?? "";
        StoreMetrics.RecordRetry(operation, state);
        Log.Retrying(_logger, operation, state, args.AttemptNumber + 1, args.RetryDelay);
        Activity.Current?.AddEvent(new ActivityEvent("retry"));
        return ValueTask.CompletedTask;
    }
}
