using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using UnifiedMemory.SessionBuddy.Files;
using UnifiedMemory.SessionBuddy.Monitoring;
using UnifiedMemory.SessionBuddy.Server;

namespace UnifiedMemory.SessionBuddy;

/// <summary>
/// Delivers insights to Session-Buddy: over MCP to the server, or into its DuckDB file, as
/// <see cref="SessionBuddyOptions.FileUse"/> says. Thread-safe; make one and keep it.
/// </summary>
public sealed class SessionBuddySink : IInsightSink, IAsyncDisposable, IDisposable
{
    internal const string SinkName = "session-buddy";

    private readonly SessionBuddyOptions _options;
    private readonly ILogger _logger;
    private readonly ReflectionServer _server;
    private readonly InsightFile _file;
    private int _usesFile;

    /// <summary>Creates the sink. Nothing is opened before the first delivery.</summary>
    /// <param name="options">How insights reach Session-Buddy.</param>
    /// <param name="loggerFactory">Where to log. Default: nowhere.</param>
    /// <param name="timeProvider">The clock. Default: <see cref="TimeProvider.System"/>.</param>
    /// <exception cref="ArgumentException">One or more options are wrong; the message names them all.</exception>
    public SessionBuddySink(SessionBuddyOptions options, ILoggerFactory? loggerFactory = null, TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Validate().ToList() is { Count: > 0 } mistakes)
            throw new ArgumentException("The options for Session-Buddy are wrong. " + string.Join(' ', mistakes), nameof(options));
        _options = options;
        _logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<SessionBuddySink>();
        var time = timeProvider ?? TimeProvider.System;
        _server = new ReflectionServer(options, _logger, time);
        _file = new InsightFile(options, time);
    }

    /// <summary><c>session-buddy</c>.</summary>
    public string Name => SinkName;

    /// <inheritdoc/>
    public async Task<InsightDelivery> DeliverAsync(Insight insight, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(insight);
        if (_options.FileUse == SessionBuddyFileUse.Only)
            return await DeliverToFileAsync(insight, cancellationToken).ConfigureAwait(false);

        var server = await _server.DeliverAsync(insight, cancellationToken).ConfigureAwait(false);
        SessionBuddyMetrics.RecordDelivery(SessionBuddyMetrics.ViaServer, server.Delivery.Outcome);
        if (!server.IsDown)
        {
            if (server.Delivery.Outcome == InsightOutcome.Delivered && Interlocked.Exchange(ref _usesFile, 0) == 1)
                Log.UsingServer(_logger, _options.Address);
            return server.Delivery;
        }

        if (_options.FileUse == SessionBuddyFileUse.Never)
            return server.Delivery;
        var file = await DeliverToFileAsync(insight, cancellationToken).ConfigureAwait(false);
        if (file.Outcome != InsightOutcome.Delivered)
            return file with { Reason = $"{server.Delivery.Reason} {file.Reason}", RetryAfter = server.Delivery.RetryAfter };
        if (Interlocked.Exchange(ref _usesFile, 1) == 0)
            Log.UsingFile(_logger, _options.Address, _file.Path);
        return file;
    }

    /// <summary>Ends the session with the server.</summary>
    public ValueTask DisposeAsync() => _server.DisposeAsync();

    /// <summary>Ends the session with the server, without waiting for it.</summary>
    public void Dispose() => _ = _server.DisposeAsync().AsTask();

    private async Task<InsightDelivery> DeliverToFileAsync(Insight insight, CancellationToken cancellationToken)
    {
        var delivery = await _file.DeliverAsync(insight, cancellationToken).ConfigureAwait(false);
        SessionBuddyMetrics.RecordDelivery(SessionBuddyMetrics.ViaFile, delivery.Outcome);
        return delivery;
    }
}
