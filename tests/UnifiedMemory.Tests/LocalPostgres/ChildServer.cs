using System.Diagnostics;
using UnifiedMemory.Machines;

namespace UnifiedMemory.Tests.LocalServers;

/// <summary>Another process that uses a <see cref="LocalPostgres"/>: this assembly, started with <see cref="StartupHook"/>.</summary>
internal sealed class ChildServer : IDisposable
{
    public const string StateVariable = "UNIFIED_MEMORY_TEST_CHILD_STATE";
    public const string DataVariable = "UNIFIED_MEMORY_TEST_CHILD_DATA";

    private readonly Process _process;

    private ChildServer(Process process, string connectionString)
    {
        _process = process;
        ConnectionString = connectionString;
    }

    public string ConnectionString { get; }

    public static async Task<ChildServer> StartAsync(Machine machine, string? dataDirectory = null)
    {
        var assembly = typeof(ChildServer).Assembly.Location;
        var start = new ProcessStartInfo("dotnet", ["exec", assembly])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment =
            {
                ["DOTNET_STARTUP_HOOKS"] = assembly,
                [StateVariable] = machine.StateDirectory,
                [DataVariable] = dataDirectory,
            },
        };
        var process = Process.Start(start)!;
        // One line: the connection string, read by its parent alone.
        var answer = await process.StandardOutput.ReadLineAsync();
        if (answer is null)
            Assert.Fail("The child process did not start a server: " + await process.StandardError.ReadToEndAsync());
        return new(process, answer!);
    }

    /// <summary>Lets it dispose of its server and end.</summary>
    public async Task EndAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        Assert.That(_process.ExitCode, Is.Zero);
    }

    /// <summary>Ends it with SIGKILL.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
    }

    /// <summary>What the child does.</summary>
    internal static async Task RunAsync(string stateDirectory, string? dataDirectory)
    {
        var machine = Machine.Current() with { ExistingConnection = null, MayUseContainers = false, StateDirectory = stateDirectory };
        var options = new LocalPostgresOptions { DataDirectory = string.IsNullOrEmpty(dataDirectory) ? null : dataDirectory };
        await using var server = await LocalPostgres.StartAsync(options, machine, CancellationToken.None);
        await Console.Out.WriteLineAsync(server.ConnectionString);
        await Console.In.ReadToEndAsync();
    }
}
