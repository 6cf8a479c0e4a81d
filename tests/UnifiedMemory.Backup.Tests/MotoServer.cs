using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Amazon.Runtime;
using Amazon.S3;

namespace UnifiedMemory.Backup.Tests;

/// <summary>A server that speaks S3: moto, https://docs.getmoto.org/en/latest/docs/server_mode.html. build.sh installs it.</summary>
internal sealed class MotoServer : IAsyncDisposable
{
    private readonly Process _process;

    private MotoServer(Process process, int port)
    {
        _process = process;
        Port = port;
    }

    public int Port { get; }

    /// <summary>Starts it; the test is ignored where there is none.</summary>
    public static async Task<MotoServer> StartAsync()
    {
        var python = await FindPythonAsync();
        if (python is null)
            Assert.Ignore("needs moto, a server that speaks S3: ./build.sh test installs it where Python 3 and its packages are in reach");
        int port;
        using (var listener = new TcpListener(IPAddress.Loopback, 0))
        {
            listener.Start();
            port = ((IPEndPoint)listener.LocalEndpoint).Port;
        }

        var process = Process.Start(new ProcessStartInfo(python!, ["-m", "moto.server", "-H", "127.0.0.1", "-p", $"{port}"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var server = new MotoServer(process, port);
        await Eventually.TrueAsync(server.AnswersAsync, "moto answers");
        return server;
    }

    public static BasicAWSCredentials Credentials { get; } = new("test", "test");

    public static AmazonS3Client ClientFor(int port) => new(Credentials, ConfigFor(port));

    public static AmazonS3Config ConfigFor(int port) => new()
    {
        ServiceURL = $"http://127.0.0.1:{port}",
        ForcePathStyle = true,
        AuthenticationRegion = "us-east-1",
        // What the target itself does about a lost connection is to be seen.
        MaxErrorRetry = 0,
    };

    public async ValueTask DisposeAsync()
    {
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private static async Task<string?> FindPythonAsync()
    {
        var folder = new DirectoryInfo(TestContext.CurrentContext.TestDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Memory.sln")))
            folder = folder.Parent;
        var installed = folder is null ? "" : Path.Combine(folder.FullName, "artifacts", "tools", "moto", "bin", "python3");
        foreach (var python in new[] { installed, "python3" })
        {
            if (python == installed && !File.Exists(python))
                continue;
            try
            {
                using var process = Process.Start(new ProcessStartInfo(python, ["-c", "import moto.server, flask_cors"]) { RedirectStandardError = true })!;
                await process.WaitForExitAsync();
                if (process.ExitCode == 0)
                    return python;
            }
            catch (System.ComponentModel.Win32Exception)
            {
                // There is no such program.
            }
        }

        return null;
    }

    private async Task<bool> AnswersAsync()
    {
        Assert.That(_process.HasExited, Is.False, "moto has ended");
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
