using System.Globalization;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;
using UnifiedMemory.Monitoring;

namespace UnifiedMemory.Embeddings;

/// <summary>
/// One pipeline around every embed call, from the outside in: at most so many calls at a time, retries with back-off, a circuit
/// breaker, a time-out for each attempt.
/// </summary>
internal static class OllamaResilience
{
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan BreakDuration = TimeSpan.FromSeconds(5);

    public static ResiliencePipeline<OllamaAnswer> Build(
        OllamaOptions options, string address, TimeProvider timeProvider, ILogger logger)
    {
        var builder = new ResiliencePipelineBuilder<OllamaAnswer> { TimeProvider = timeProvider };
        builder.AddConcurrencyLimiter(options.MaxConcurrentCalls, queueLimit: int.MaxValue);
        if (options.MaxRetries > 0)
        {
            builder.AddRetry(new RetryStrategyOptions<OllamaAnswer>
            {
                MaxRetryAttempts = options.MaxRetries,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                Delay = options.RetryDelay,
                MaxDelay = LongestDelay,
                ShouldHandle = arguments => ValueTask.FromResult(arguments.AttemptNumber < RetriesFor(arguments.Outcome)),
                OnRetry = arguments =>
                {
                    var reason = Describe(arguments.Outcome);
                    StoreMetrics.RecordRetry("embed", reason);
                    logger.Retrying(arguments.AttemptNumber + 1, options.Model, reason, arguments.RetryDelay);
                    return ValueTask.CompletedTask;
                },
            });
        }

        return builder
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions<OllamaAnswer>
            {
                FailureRatio = 0.5,
                MinimumThroughput = 8,
                SamplingDuration = TimeSpan.FromSeconds(30),
                BreakDuration = BreakDuration,
                // Not a 500: while one poisonous text is looked for, several come in a row from a healthy service.
                ShouldHandle = arguments => ValueTask.FromResult(
                    IsUnreachable(arguments.Outcome.Exception) || arguments.Outcome.Exception is TimeoutRejectedException
                    || arguments.Outcome.Result is { Outcome: OllamaOutcome.Overloaded }),
                OnOpened = arguments =>
                {
                    logger.CircuitOpened(options.Model, address, arguments.BreakDuration);
                    return ValueTask.CompletedTask;
                },
            })
            .AddTimeout(new TimeoutStrategyOptions { Timeout = options.Timeout })
            .Build();

        int RetriesFor(Outcome<OllamaAnswer> outcome) => outcome switch
        {
            { Exception: TimeoutRejectedException } => 1,
            { Exception: { } exception } => IsUnreachable(exception) ? options.MaxRetries : 0,
            { Result.Outcome: OllamaOutcome.Overloaded } => options.MaxRetries,
            // Several texts: one may be the cause, and whoever halves the batch tries again with each half.
            { Result: { Outcome: OllamaOutcome.InternalError, Texts: var texts } } => texts > 1 ? 1 : options.MaxRetries,
            _ => 0,
        };
    }

    /// <summary>Whether the connection failed, or the caller's own <see cref="HttpClient"/> ran into its time-out.</summary>
    public static bool IsUnreachable(Exception? exception) =>
        exception is HttpRequestException or IOException or TaskCanceledException { InnerException: TimeoutException };

    private static string Describe(Outcome<OllamaAnswer> outcome) =>
        outcome.Exception?.GetType().Name ?? ((int)outcome.Result.Status).ToString(CultureInfo.InvariantCulture);
}
