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

    private readonly NpgsqlDataSource _dataSource;
    private readonly SemaphoreSlim _slots;
    private readonly UnifiedMemoryOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ResiliencePipeline _retry;
    private readonly CancellationTokenSource _closing = new();

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
    /// <exception cref="ObjectDisposedException">The store is disposed, or was while the work was under way.</exception>
    public Task<T> RunAsync<T>(
        string operation, Func<NpgsqlConnection, CancellationToken, Task<T>> work, CancellationToken cancellationToken) =>
        RetryAsync(operation, token => AttemptAsync(operation, work, token), cancellationToken);

    /// <summary>The retries and the translation of failures, for work that has a connection of its own.</summary>
    public async Task<T> RetryAsync<T>(string operation, Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_closing.IsCancellationRequested, typeof(UnifiedMemoryStore));
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _closing.Token);
        var context = ResilienceContextPool.Shared.Get(operation, either.Token);
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
        await _dataSource.DisposeAsync().ConfigureAwait(false);
    }

    public void Dispose()
    {
        _closing.Cancel();
        _dataSource.Dispose();
    }

    private async Task<T> AttemptAsync<T>(
        string operation, Func<NpgsqlConnection, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        var waiting = _time.GetTimestamp();
        var free = await _slots.WaitAsync(_options.AcquisitionTimeout, cancellationToken).ConfigureAwait(false);
        StoreMetrics.ConnectionWait.Record(_time.GetElapsedTime(waiting).TotalSeconds);
        if (!free)
            throw DatabaseFailure.Busy(operation, _options);
        try
        {
            var connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
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

    private async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _dataSource.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (NpgsqlException exception) when (exception.InnerException is TimeoutException)
        {
            // Looks like a command that took too long, and unlike that is worth another try.
            throw new ConnectTimeoutException(exception);
        }
    }

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
        return ValueTask.CompletedTask;
    }
}
