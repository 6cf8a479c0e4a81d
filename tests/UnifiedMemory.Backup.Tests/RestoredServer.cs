using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Npgsql;
using UnifiedMemory.TestSupport;

namespace UnifiedMemory.Backup.Tests;

/// <summary>A server that an operator starts on a restored directory, with pg_ctl.</summary>
internal sealed class RestoredServer : IAsyncDisposable
{
    private readonly PostgresCluster _original;
    private readonly string _directory;

    private RestoredServer(PostgresCluster original, string directory, int port)
    {
        _original = original;
        _directory = directory;
        ConnectionString = new NpgsqlConnectionStringBuilder(original.ConnectionString) { Port = port }.ConnectionString;
    }

    public string ConnectionString { get; }

    public static async Task<RestoredServer> StartAsync(PostgresCluster original, string directory)
    {
        int port;
        using (var listener = new TcpListener(IPAddress.Loopback, 0))
        {
            listener.Start();
            port = ((IPEndPoint)listener.LocalEndpoint).Port;
        }

        var server = new RestoredServer(original, directory, port);
        await server.ControlAsync("start", "-w", "-l", Path.Combine(directory, "start.log"), "-o", $"-p {port} -c archive_mode=off");
        return server;
    }

    public async ValueTask DisposeAsync() => await ControlAsync("stop", "-w", "-m", "immediate");

    private async Task ControlAsync(string verb, params string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(_original.BinDirectory, "pg_ctl"), [verb, "-s", "-D", _directory, .. arguments]) { WorkingDirectory = "/" };
        if (_original.ServerUser is { } user)
            start.UserName = user;
        using var process = Process.Start(start)!;
        await process.WaitForExitAsync();
        Assert.That(process.ExitCode, Is.Zero, $"pg_ctl {verb}");
    }
}
