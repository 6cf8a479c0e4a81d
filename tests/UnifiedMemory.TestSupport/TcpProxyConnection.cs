using System.Net.Sockets;

namespace UnifiedMemory.TestSupport;

/// <summary>One client's connection through a <see cref="TcpProxy"/>.</summary>
internal sealed class TcpProxyConnection : IDisposable
{
    private readonly TcpProxy _proxy;
    private readonly Socket _client;
    private readonly Socket _server = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly CancellationTokenSource _closing = new();
    private readonly CancellationToken _closed;
    private TcpProxyFaults.ByteAllowance? _allowance;
    private long _serverBytesLeft;
    private volatile bool _hasLostBytes;
    private int _isClosed;

    public TcpProxyConnection(TcpProxy proxy, Socket client)
    {
        _proxy = proxy;
        _client = client;
        _client.NoDelay = true;
        _closed = _closing.Token;
    }

    public bool HasLostBytes => _hasLostBytes;

    /// <param name="reset">Whether both sides see a lost connection instead of one that ends.</param>
    /// <param name="onClosing">Called if it was open, before either side can see that it ends.</param>
    public void Close(bool reset, Action? onClosing = null)
    {
        if (Interlocked.Exchange(ref _isClosed, 1) == 1)
            return;
        onClosing?.Invoke();
        _closing.Cancel();
        Close(_client, reset);
        Close(_server, reset);
        _closing.Dispose();
    }

    public void Dispose() => Close(reset: true);

    public async Task RunAsync(string host, int port)
    {
        try
        {
            if (_proxy.Faults.BlackHole)
            {
                _hasLostBytes = true; // it has no server: Heal cuts it
                await PumpAsync(_client, _server, fromServer: false);
            }
            else
            {
                await _server.ConnectAsync(host, port, _closed);
                await Task.WhenAll(PumpAsync(_client, _server, fromServer: false), PumpAsync(_server, _client, fromServer: true));
            }

            Close(reset: false);
        }
        catch (Exception exception) when (IsEnd(exception))
        {
            Close(reset: true);
        }
    }

    private static bool IsEnd(Exception exception) =>
        exception is SocketException or ObjectDisposedException or OperationCanceledException;

    private static void Close(Socket socket, bool reset)
    {
        try
        {
            if (reset && socket.Connected)
                socket.LingerState = new LingerOption(enable: true, seconds: 0); // close() then sends RST, not FIN
        }
        catch (SocketException)
        {
            // its other end was faster
        }

        socket.Dispose();
    }

    private async Task PumpAsync(Socket from, Socket to, bool fromServer)
    {
        try
        {
            var buffer = new byte[16 * 1024];
            byte[] tail = [];
            while (await from.ReceiveAsync(buffer, _closed) is var count and > 0)
            {
                if (!await ForwardAsync(buffer.AsMemory(0, count)))
                    return;
            }

            if (_proxy.Faults.BlackHole)
                _hasLostBytes = true;
            else
                to.Shutdown(SocketShutdown.Send);

            async Task<bool> ForwardAsync(Memory<byte> chunk)
            {
                if (_proxy.Faults.Delay is { Ticks: > 0 } delay)
                {
                    _proxy.CountFault();
                    await Task.Delay(delay, _closed);
                }

                var faults = _proxy.Faults;
                if (faults.BlackHole)
                {
                    _hasLostBytes = true;
                    _proxy.CountFault();
                    if (!_proxy.Faults.BlackHole)
                        _proxy.Cut(this); // healed meanwhile, before it could see that bytes are lost
                    return true;
                }

                var trigger = fromServer ? faults.AnswerBytes : faults.ClientBytes;
                var cut = trigger?.Fires(ref tail, chunk.Span) ?? false;
                if (!cut && fromServer && faults.ServerBytes is { } allowance)
                    (chunk, cut) = Limit(chunk, allowance);
                else if (cut)
                    chunk = Memory<byte>.Empty;
                for (var sent = 0; sent < chunk.Length;)
                    sent += await to.SendAsync(chunk[sent..], _closed);
                if (cut)
                    _proxy.Cut(this);
                return !cut;
            }
        }
        catch (Exception exception) when (IsEnd(exception))
        {
            // One side is gone, so the other has to go as well.
            Close(reset: true);
        }
    }

    private (Memory<byte> Chunk, bool Cut) Limit(Memory<byte> chunk, TcpProxyFaults.ByteAllowance allowance)
    {
        if (!ReferenceEquals(allowance, _allowance))
            (_allowance, _serverBytesLeft) = (allowance, allowance.PerConnection);
        var allowed = (int)Math.Min(chunk.Length, _serverBytesLeft);
        _serverBytesLeft -= allowed;
        return (chunk[..allowed], _serverBytesLeft == 0);
    }
}
