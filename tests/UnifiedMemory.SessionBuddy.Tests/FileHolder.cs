using System.Diagnostics;
using DuckDB.NET.Data;

namespace UnifiedMemory.Tests.SessionBuddy;

/// <summary>Another process that has a file open for writing, as a running Session-Buddy has.</summary>
internal sealed class FileHolder : IDisposable
{
    private const string PathVariable = "UNIFIED_MEMORY_TEST_HOLD_FILE";
    private const string Ready = "held";

    private readonly Process _process;

    private FileHolder(Process process) => _process = process;

    public static async Task<FileHolder> StartAsync(string path)
    {
        var assembly = typeof(FileHolder).Assembly.Location;
        var process = Process.Start(new ProcessStartInfo("dotnet", ["exec", assembly])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            Environment = { ["DOTNET_STARTUP_HOOKS"] = assembly, [PathVariable] = path },
        })!;
        Assert.That(await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60)), Is.EqualTo(Ready), "the child holds the file");
        return new FileHolder(process);
    }

    /// <summary>What the child does, when it is one: it holds the file until its input ends.</summary>
    public static void HoldIfAsked()
    {
        if (Environment.GetEnvironmentVariable(PathVariable) is not { Length: > 0 } path)
            return;
        using (var connection = new DuckDBConnection($"Data Source={path}"))
        {
            connection.Open();
            Console.WriteLine(Ready);
            Console.In.ReadToEnd();
        }

        Environment.Exit(0);
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }
}
