using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.CircuitBreaker;
using UnifiedMemory.Monitoring;

namespace UnifiedMemory.Insights;

/// <summary>One sink behind a time-out and a circuit breaker. Whatever it does, a try ends with an answer, and in time.</summary>
internal sealed class SinkCircuit
{
    private const int FewestTries = 5;
    private const int LongestReason = 500;

    /// <summary>One insight on which the sink hangs for good must not keep the others waiting.</summary>
    private const int FewestAbandoned = 2;

    /// <summary>How long a call may be under way at the sink after it was cut off, in time-outs.</summary>
    private const int TimeoutsAfterCutOff = 2;

    private static readonly TimeSpan LongestRetryAfter = TimeSpan.FromDays(1);

    /// <summary>Besides the fewest tries one after the other, each with the time-out at its end.</summary>
    private static readonly TimeSpan Sampling = TimeSpan.FromSeconds(30);

    private readonly NamedSink _sink;
    private readonly InsightOptions _options;
    private readonly TimeProvider _time;
    private readonly CircuitBreakerStateProvider _state = new();
    private readonly ResiliencePipeline<InsightDelivery> _pipeline;
    private long _openUntil;

    /// <summary>The insights whose calls were cut off and have not ended: each may hold a thread.</summary>
    private readonly ConcurrentDictionary<Guid, bool> _abandoned = new();

    public SinkCircuit(NamedSink sink, InsightOptions options, TimeProvider time, ILogger logger)
    {
        _sink = sink;
        _options = options;
        _time = time;
        _pipeline = new ResiliencePipelineBuilder<InsightDelivery> { TimeProvider = time }
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions<InsightDelivery>
            {
                FailureRatio = 0.5,
                MinimumThroughput = FewestTries,
                SamplingDuration = Sampling + (FewestTries * options.DeliveryTimeout),
                BreakDuration = options.BreakDuration,
                StateProvider = _state,
                ShouldHandle = arguments => ValueTask.FromResult(arguments.Outcome.Result is { Outcome: InsightOutcome.Unavailable }),
                OnOpened = arguments =>
                {
                    Volatile.Write(ref _openUntil, (time.GetUtcNow() + arguments.BreakDuration).UtcTicks);
                    Log.SinkCircuitOpened(logger, sink.Name, arguments.BreakDuration);
                    return ValueTask.CompletedTask;
                },
                OnClosed = _ =>
                {
                    Log.SinkCircuitClosed(logger, sink.Name);
                    return ValueTask.CompletedTask;
                },
            })
            .Build();
    }

    /// <summary>Whether the sink works, as far as is known. If not, one try at a time shows whether it is back.</summary>
    public bool IsClosed => _state.CircuitState == CircuitState.Closed;

    /// <summary>For how long nothing is to be tried; zero for not at all.</summary>
    public TimeSpan OpenFor
    {
        get
        {
            var ticks = IsClosed ? 0 : Volatile.Read(ref _openUntil) - _time.GetUtcNow().UtcTicks;
            return ticks > 0 ? TimeSpan.FromTicks(ticks) : TimeSpan.Zero;
        }
    }

    /// <summary>How long an insight whose try was cut off is not to be tried again.</summary>
    public TimeSpan RetryAfterCutOff => TimeoutsAfterCutOff * _options.DeliveryTimeout;

    /// <summary>Null when the circuit is open: nothing was tried.</summary>
    /// <exception cref="OperationCanceledException">The host stops; the insight may have arrived.</exception>
    public async Task<InsightDelivery?> TryAsync(Insight insight, CancellationToken cancellationToken)
    {
        try
        {
            return await _pipeline.ExecuteAsync(
                static async (call, token) => await call.Circuit.AttemptAsync(call.Insight, token).ConfigureAwait(false),
                (Circuit: this, Insight: insight), cancellationToken).ConfigureAwait(false);
        }
        catch (BrokenCircuitException)
        {
            return null;
        }
    }

    private async Task<InsightDelivery> AttemptAsync(Insight insight, CancellationToken cancellationToken)
    {
        if (_abandoned.ContainsKey(insight.Id) || _abandoned.Count >= Math.Max(FewestAbandoned, _options.Parallelism))
            return InsightDelivery.Unavailable("It is busy with earlier calls that were cancelled and have not ended.");
        var started = _time.GetTimestamp();
        using var timeout = new CancellationTokenSource(_options.DeliveryTimeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        var token = either.Token;

        // On its own: a sink may block, and may not listen to the token.
        var call = Task.Run(() => _sink.Sink.DeliverAsync(insight, token), CancellationToken.None);
        try
        {
            return Clean(await call.WaitAsync(token).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            Abandon(insight.Id, call);
            throw;
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested)
        {
            Abandon(insight.Id, call);
            return InsightDelivery.Unavailable($"No answer within {_options.DeliveryTimeout.TotalSeconds:0.###} s.", RetryAfterCutOff);
        }
        catch (Exception exception)
        {
            // Its message may quote what was sent.
            return InsightDelivery.Unavailable(exception.GetType().Name);
        }
        finally
        {
            StoreMetrics.RecordDeliveryTime(_sink.Name, _time.GetElapsedTime(started));
        }
    }

    /// <summary>What the database can hold of an answer.</summary>
    private static InsightDelivery Clean(InsightDelivery? answer)
    {
        if (answer is null || !Enum.IsDefined(answer.Outcome))
            return InsightDelivery.Unavailable("The sink gave no outcome.");
        return answer with
        {
            Reason = answer.Reason is null ? null : new string([.. answer.Reason.Where(c => !char.IsControl(c) && !char.IsSurrogate(c)).Take(LongestReason)]),
            RetryAfter = TimeSpan.FromTicks(Math.Clamp(answer.RetryAfter.Ticks, 0, LongestRetryAfter.Ticks)),
        };
    }

    private void Abandon(Guid id, Task call)
    {
        _abandoned[id] = true;
        call.ContinueWith(
            ended =>
            {
                _ = ended.Exception;
                _abandoned.TryRemove(id, out _);
            },
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }
}
