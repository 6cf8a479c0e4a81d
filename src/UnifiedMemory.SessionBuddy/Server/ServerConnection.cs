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
    private volatile bool _isDisposed;

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

    /// <summary>The session, entered: whoever gets it leaves it.</summary>
    public async Task<ServerSession> GetAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _session) is { } current && current.TryEnter())
            return current;
        await _starting.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (Volatile.Read(ref _session) is { } started && started.TryEnter())
                return started;
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            var session = await ServerSession.StartAsync(_http, _options, _time, cancellationToken).ConfigureAwait(false);
            Log.SessionStarted(_logger, _options.Address, session.Version, session.TakesProject);
            session.TryEnter();
            Interlocked.Exchange(ref _session, session);

            // Whoever disposed it meanwhile may have seen no session.
            if (_isDisposed)
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
    /// end: the server may be the one that hangs. The calls of others under way have as long as a call may take.
    /// </summary>
    /// <returns>Whether it was the one in use.</returns>
    public bool Drop(ServerSession session)
    {
        if (Interlocked.CompareExchange(ref _session, null, session) != session)
            return false;
        _ = session.RetireAsync(_options.CallTimeout);
        return true;
    }

    public async ValueTask DisposeAsync()
    {
        _isDisposed = true;
        if (Interlocked.Exchange(ref _session, null) is { } session)
            await session.DisposeAsync().ConfigureAwait(false);
        _http.Dispose();
    }
}
