using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Npgsql;
using UnifiedMemory.TestSupport;

namespace UnifiedMemory.Tests.LocalServers;

public sealed class TcpProxyTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(20);

    private readonly List<string> _received = [];
    private TcpListener _server = null!;
    private TcpProxy _proxy = null!;

    [SetUp]
    public void StartEcho()
    {
        _received.Clear();
        _server = new TcpListener(IPAddress.Loopback, 0);
        _server.Start();
        _ = EchoAsync(_server);
        _proxy = TcpProxy.Start("127.0.0.1", ((IPEndPoint)_server.LocalEndpoint).Port);
    }

    [TearDown]
    public async Task StopEcho()
    {
        await _proxy.DisposeAsync();
        _server.Dispose();
    }

    [Test]
    public async Task Without_a_fault_it_forwards_both_ways()
    {
        using var client = await ConnectAsync();

        Assert.That(await AskAsync(client, "hello"), Is.EqualTo("hello"));
        Assert.That(_proxy.ConnectionsAccepted, Is.EqualTo(1));
        Assert.That(_proxy.FaultsFired, Is.Zero);
        client.Client.Shutdown(SocketShutdown.Send);
        Assert.That(await ReadAsync(client), Is.Empty, "the end of the client is forwarded, and the server's answer to it");
        await Eventually.TrueAsync(() => _proxy.OpenConnections == 0, "the connection is forgotten");
    }

    [Test]
    public async Task New_connections_are_refused_until_it_is_healed()
    {
        using var before = await ConnectAsync();
        Assert.That(await AskAsync(before, "a"), Is.EqualTo("a"));
        _proxy.RefuseNewConnections();

        Assert.That(async () => await AskAsync(await ConnectAsync(), "b"), Throws.InstanceOf<IOException>().Or.InstanceOf<SocketException>());
        Assert.That(_proxy.FaultsFired, Is.EqualTo(1));
        Assert.That(await AskAsync(before, "c"), Is.EqualTo("c"), "an open connection is not affected");
        _proxy.Heal();
        using var after = await ConnectAsync();
        Assert.That(await AskAsync(after, "d"), Is.EqualTo("d"));
    }

    [Test]
    public async Task Chunks_are_delayed_both_ways()
    {
        using var client = await ConnectAsync();
        _proxy.Delay(TimeSpan.FromMilliseconds(150));
        var watch = Stopwatch.StartNew();

        Assert.That(await AskAsync(client, "slow"), Is.EqualTo("slow"));

        Assert.That(watch.Elapsed, Is.GreaterThan(TimeSpan.FromMilliseconds(290)));
        Assert.That(_proxy.FaultsFired, Is.EqualTo(2));
    }

    [Test]
    public async Task A_connection_is_cut_after_a_number_of_bytes()
    {
        using var client = await ConnectAsync();
        _proxy.CutAfter(5);

        Assert.That(await AskAsync(client, "abc"), Is.EqualTo("abc"));
        await SendAsync(client, "defg");

        Assert.That(await ReadUntilLostAsync(client), Is.EqualTo("de"));
        Assert.That(_proxy.FaultsFired, Is.EqualTo(1));
    }

    [Test]
    public async Task A_black_hole_takes_everything_and_answers_nothing()
    {
        using var old = await ConnectAsync();
        Assert.That(await AskAsync(old, "a"), Is.EqualTo("a"));
        _proxy.BlackHole();
        using var young = await ConnectAsync();
        await SendAsync(old, "b");
        await SendAsync(young, "c");
        await Eventually.TrueAsync(() => _proxy.FaultsFired == 2, "both chunks are swallowed");

        Assert.That(old.Available + young.Available, Is.Zero);
        Assert.That(_received, Is.EqualTo(new[] { "a" }));
        _proxy.Heal();
        Assert.That(await ReadUntilLostAsync(old), Is.Empty);
        Assert.That(await ReadUntilLostAsync(young), Is.Empty);
        using var after = await ConnectAsync();
        Assert.That(await AskAsync(after, "d"), Is.EqualTo("d"));
    }

    [Test]
    public async Task A_connection_is_cut_before_the_server_sees_what_the_client_sends()
    {
        using var client = await ConnectAsync();
        using var other = await ConnectAsync();
        _proxy.CutWhenClientSends("secret word");
        Assert.That(await AskAsync(client, "some secr"), Is.EqualTo("some secr"));

        await SendAsync(client, "et word");

        Assert.That(await ReadUntilLostAsync(client), Is.Empty, "found across two chunks");
        Assert.That(_received, Is.EqualTo(new[] { "some secr" }));
        Assert.That(await AskAsync(other, "secret word"), Is.EqualTo("secret word"), "one time means one time");
        Assert.That(_proxy.FaultsFired, Is.EqualTo(1));
    }

    [Test]
    public async Task A_connection_is_cut_before_the_client_sees_what_the_server_sends()
    {
        using var client = await ConnectAsync();
        _proxy.CutWhenServerSends("DONE");

        await SendAsync(client, "DONE");

        Assert.That(await ReadUntilLostAsync(client), Is.Empty);
        Assert.That(_received, Is.EqualTo(new[] { "DONE" }), "the server has it");
        Assert.That(_proxy.FaultsFired, Is.EqualTo(1));
    }

    [Test]
    public async Task All_connections_are_cut_now()
    {
        using var one = await ConnectAsync();
        using var two = await ConnectAsync();
        await AskAsync(one, "a");
        await AskAsync(two, "b");

        _proxy.CutAll();

        Assert.That(await ReadUntilLostAsync(one), Is.Empty);
        Assert.That(await ReadUntilLostAsync(two), Is.Empty);
        Assert.That(_proxy.FaultsFired, Is.EqualTo(2));
        using var after = await ConnectAsync();
        Assert.That(await AskAsync(after, "c"), Is.EqualTo("c"));
    }

    [Test]
    public async Task A_PostgreSQL_connection_dies_between_COMMIT_and_its_answer()
    {
        await using var proxy = TcpProxy.StartFor(TestServer.ConnectionString);
        var table = "proxied_" + Guid.NewGuid().ToString("N");
        await TestServer.ExecuteAsync($"CREATE TABLE {table} (n int)");
        await using var connection = new NpgsqlConnection(proxy.Rewrite(TestServer.ConnectionString) + ";Pooling=false");
        await connection.OpenAsync();
        var transaction = await connection.BeginTransactionAsync();
        await using (var insert = new NpgsqlCommand($"INSERT INTO {table} VALUES (1)", connection, transaction))
            await insert.ExecuteNonQueryAsync();
        proxy.CutWhenServerSends("COMMIT");

        Assert.That(async () => await transaction.CommitAsync(), Throws.InstanceOf<NpgsqlException>());

        Assert.That(proxy.FaultsFired, Is.EqualTo(1));
        Assert.That(await TestServer.ScalarAsync<long>($"SELECT count(*) FROM {table}"), Is.EqualTo(1), "it is committed all the same");
        await TestServer.ExecuteAsync($"DROP TABLE {table}");
    }

    private async Task EchoAsync(TcpListener listener)
    {
        while (true)
        {
            Socket socket;
            try
            {
                socket = await listener.AcceptSocketAsync();
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                return;
            }

            _ = EchoAsync(socket);
        }
    }

    private async Task EchoAsync(Socket socket)
    {
        using var stream = new NetworkStream(socket, ownsSocket: true);
        var buffer = new byte[1024];
        try
        {
            while (await stream.ReadAsync(buffer) is var count and > 0)
            {
                lock (_received)
                    _received.Add(Encoding.ASCII.GetString(buffer, 0, count));
                await stream.WriteAsync(buffer.AsMemory(0, count));
            }
        }
        catch (IOException)
        {
            // cut, as the test wants it
        }
    }

    private async Task<TcpClient> ConnectAsync()
    {
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, _proxy.Port);
        return client;
    }

    private static async Task SendAsync(TcpClient client, string text) => await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(text));

    private static async Task<string> ReadAsync(TcpClient client)
    {
        var buffer = new byte[1024];
        var count = await client.Client.ReceiveAsync(buffer).WaitAsync(Soon);
        return Encoding.ASCII.GetString(buffer, 0, count);
    }

    private static async Task<string> AskAsync(TcpClient client, string text)
    {
        await SendAsync(client, text);
        var answer = await ReadAsync(client);
        return answer.Length > 0 ? answer : throw new IOException("The connection ended.");
    }

    private static async Task<string> ReadUntilLostAsync(TcpClient client)
    {
        var all = "";
        try
        {
            while (await ReadAsync(client) is { Length: > 0 } more)
                all += more;
        }
        catch (SocketException)
        {
            return all;
        }

        Assert.Fail("The connection ended in order; a cut is a reset.");
        return all;
    }
}
