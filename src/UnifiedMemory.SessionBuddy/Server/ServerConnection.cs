using Microsoft.Extensions.Logging;
using UnifiedMemory.SessionBuddy.Monitoring;

namespace UnifiedMemory.SessionBuddy.Server;

/// <summary>The one session that deliveries share, started when the first needs it and again after it was dropped.</summary>
internal sealed class ServerConnection : IAsyncDisposable
{
    private readonly SessionBuddyOptions _options;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly HttpClient _http;
    private readonly SemaphoreSlim _starting = new(1);
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
            if (_session is { } started)
                return started;
            var session = await ServerSession.StartAsync(_http, _options, _time, cancellationToken).ConfigureAwait(false);
            Log.SessionStarted(_logger, _options.Address, session.Version, session.TakesProject);
            Volatile.Write(ref _session, session);
            return session;
        }
        finally
        {
            _starting.Release();
        }
    }

    /// <summary>
    /// Whoever sees a session fail drops it; those who see it later do not drop the one that has followed. Nobody waits for the
    /// goodbye: the server may be the one that hangs.
    /// </summary>
    public void Drop(ServerSession session, string reason)
    {
        if (Interlocked.CompareExchange(ref _session, null, session) != session)
            return;
        Log.SessionLost(_logger, _options.Address, reason);
        _ = session.DisposeAsync().AsTask();
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _session, null) is { } session)
            await session.DisposeAsync().ConfigureAwait(false);
        _http.Dispose();
    }
}
