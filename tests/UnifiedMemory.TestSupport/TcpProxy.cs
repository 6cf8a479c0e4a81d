using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Npgsql;

namespace UnifiedMemory.TestSupport;

/// <summary>
/// A network between a client and a server, on loopback, that fails on demand. Verbs add up until <see cref="Heal"/>, and
/// act on open connections as well as on new ones. A cut is a reset: both sides lose the connection at once.
/// </summary>
public sealed class TcpProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly string _host;
    private readonly int _port;
    private readonly ConcurrentDictionary<TcpProxyConnection, Task> _connections = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _accepting;
    private volatile TcpProxyFaults _faults = new();
    private int _accepted;
    private int _fired;

    private TcpProxy(string host, int port)
    {
        _host = host;
        _port = port;
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _accepting = AcceptAsync();
    }

    /// <summary>The port on 127.0.0.1 that clients connect to.</summary>
    public int Port { get; }

    /// <summary>All connections so far, refused ones among them.</summary>
    public int ConnectionsAccepted => Volatile.Read(ref _accepted);

    public int OpenConnections => _connections.Count;

    /// <summary>
    /// How often a fault really happened: a connection refused, cut or found black-holed by <see cref="Heal"/>, a chunk
    /// delayed or swallowed. A test that injects a fault asserts it.
    /// </summary>
    public int FaultsFired => Volatile.Read(ref _fired);

    internal TcpProxyFaults Faults => _faults;

    public static TcpProxy Start(string host, int port) => new(host, port);

    /// <summary>Starts a proxy in front of the server that a connection string names.</summary>
    public static TcpProxy StartFor(string connectionString)
    {
        var server = new NpgsqlConnectionStringBuilder(connectionString);
        return new(server.Host ?? throw new ArgumentException("The connection string names no host."), server.Port);
    }

    /// <summary>The same connection through this proxy, without TLS, so that the bytes can be read.</summary>
    public string Rewrite(string connectionString) => new NpgsqlConnectionStringBuilder(connectionString)
    {
        Host = "127.0.0.1",
        Port = Port,
        SslMode = SslMode.Disable,
        GssEncryptionMode = GssEncryptionMode.Disable,
    }.ConnectionString;

    /// <summary>Resets every new connection. (A stopped <see cref="PostgresCluster"/> refuses it outright.)</summary>
    public void RefuseNewConnections() => _faults = _faults with { Refuse = true };

    /// <summary>Holds each chunk back, in both directions.</summary>
    public void Delay(TimeSpan eachChunk) => _faults = _faults with { Delay = eachChunk };

    /// <summary>Cuts each connection when that many more of the server's bytes are forwarded, within a message or not.</summary>
    public void CutAfter(long serverBytes) => _faults = _faults with { ServerBytes = new() { PerConnection = serverBytes } };

    /// <summary>Takes connections and bytes and answers nothing.</summary>
    public void BlackHole() => _faults = _faults with { BlackHole = true };

    /// <summary>
    /// Cuts a connection when its client sends these bytes; the chunk that completes them does not reach the server.
    /// </summary>
    /// <param name="text">ASCII. A prepared statement sends its text only when it is prepared.</param>
    /// <param name="times">How many connections to cut.</param>
    public void CutWhenClientSends(string text, int times = 1) =>
        _faults = _faults with { ClientBytes = new(Encoding.UTF8.GetBytes(text), times) };

    /// <summary>
    /// Cuts a connection when its server sends these bytes; the chunk that completes them does not reach the client. With
    /// <c>COMMIT</c>, the tag of its completion, a transaction is committed and its client does not know.
    /// </summary>
    public void CutWhenServerSends(string text, int times = 1) =>
        _faults = _faults with { AnswerBytes = new(Encoding.UTF8.GetBytes(text), times) };

    /// <summary>Cuts every open connection. New ones are not affected.</summary>
    public void CutAll()
    {
        foreach (var connection in _connections.Keys)
            Cut(connection);
    }

    /// <summary>
    /// Ends all faults. Connections that a black hole swallowed bytes of are cut: they could only confuse both sides.
    /// </summary>
    public void Heal()
    {
        _faults = new();
        foreach (var connection in _connections.Keys.Where(connection => connection.HasLostBytes))
            Cut(connection);
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Stop();
        await _accepting;
        foreach (var connection in _connections.Keys)
            connection.Dispose();
        await Task.WhenAll(_connections.Values);
        _stopping.Dispose();
    }

    internal void CountFault() => Interlocked.Increment(ref _fired);

    internal void Cut(TcpProxyConnection connection) => connection.Close(reset: true, CountFault);

    private async Task AcceptAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            Socket client;
            try
            {
                client = await _listener.AcceptSocketAsync(_stopping.Token);
            }
            catch (Exception exception)
                when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }

            Interlocked.Increment(ref _accepted);
            var connection = new TcpProxyConnection(this, client);
            if (_faults.Refuse)
            {
                Cut(connection);
                continue;
            }

            // Registered before it runs, so that it finds itself when it ends.
            var running = new Task<Task>(() => RunAsync(connection));
            _connections[connection] = running.Unwrap();
            running.Start(TaskScheduler.Default);
        }
    }

    private async Task RunAsync(TcpProxyConnection connection)
    {
        await connection.RunAsync(_host, _port);
        _connections.TryRemove(connection, out _);
    }
}
