using Microsoft.Extensions.Logging;
using UnifiedMemory.SessionBuddy.Monitoring;

namespace UnifiedMemory.SessionBuddy.Server;

/// <summary>The one session that deliveries share, started when the first needs it and again after it was dropped.</summary>
internal sealed class ServerConnection : IAsyncDisposable
{
    /// <summary>How long a session that was dropped lives on, in time-outs of calls: until those under way have ended, and some that follow them.</summary>
    private const int CallTimeoutsOfRetirement = 3;

    private readonly SessionBuddyOptions _options;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly HttpClient _http;
    private readonly SemaphoreSlim _starting = new(1);
    private readonly CancellationTokenSource _disposed = new();
    private ServerSession? _session;

    public ServerConnection(SessionBuddyOptions options, ILogger logger, TimeProvider time)
    {
        _options = options;
        _logger = logger;
        _time = time;

        // Each call has its own time-out. A proxy of the environment has no part in what stays on this machine.
        _http = new HttpClient(new SocketsHttpHandler
        {
            ConnectTimeout = options.ConnectTimeout,
            UseProxy = !options.Endpoint.IsLoopback,
        })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    public async Task<ServerSession> GetAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _session) is { } current)
            return current;
        await _starting.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (Volatile.Read(ref _session) is { } started)
                return started;
            ObjectDisposedException.ThrowIf(_disposed.IsCancellationRequested, this);
            var session = await ServerSession.StartAsync(_http, _options, _time, cancellationToken).ConfigureAwait(false);
            Log.SessionStarted(_logger, _options.Address, session.Version, session.TakesProject);
            Interlocked.Exchange(ref _session, session);

            // Whoever disposed it meanwhile may have seen no session.
            if (_disposed.IsCancellationRequested)
            {
                await DisposeAsync().ConfigureAwait(false);
                throw new ObjectDisposedException(nameof(ServerConnection));
            }

            return session;
        }
        finally
        {
            _starting.Release();
        }
    }

    /// <summary>
    /// Whoever sees a session fail drops it; those who see it later do not drop the one that has followed. Nobody waits for its
    /// end: the server may be the one that hangs.
    /// </summary>
    /// <returns>Whether it was the one in use.</returns>
    public bool Drop(ServerSession session)
    {
        if (Interlocked.CompareExchange(ref _session, null, session) != session)
            return false;
        _ = RetireAsync(session);
        return true;
    }

    public async ValueTask DisposeAsync()
    {
        await _disposed.CancelAsync().ConfigureAwait(false);
        if (Interlocked.Exchange(ref _session, null) is { } session)
            await session.DisposeAsync().ConfigureAwait(false);
        _http.Dispose();
    }

    /// <summary>Others may have calls under way in it, and of a call that is cut off nobody knows what became.</summary>
    private async Task RetireAsync(ServerSession session)
    {
        await Task.Delay(CallTimeoutsOfRetirement * _options.CallTimeout, _time, _disposed.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await session.DisposeAsync().ConfigureAwait(false);
    }
}
