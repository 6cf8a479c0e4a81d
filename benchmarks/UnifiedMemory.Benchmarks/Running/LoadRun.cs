using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using UnifiedMemory.Benchmarks.Parts;
using UnifiedMemory.Benchmarks.Reporting;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Running;

/// <summary>The parts that were asked for, in one run on one server, and their report.</summary>
internal static class LoadRun
{
    public static async Task RunAsync(LoadOptions options, Report report)
    {
        var started = Stopwatch.GetTimestamp();
        var set = new SearchSet(SearchedTable.SchemaOf(options.Rows), options.Rows, options.Queries);
        report.Line(string.Create(CultureInfo.InvariantCulture, $"{DateTime.UtcNow:yyyy-MM-dd}; {options.Rows:N0} memories of {ClusteredVectors.Dimensions} dimensions"));
        report.Line($"{Environment.ProcessorCount} cores{Processor()}, {RuntimeInformation.OSDescription}; load {Load()} before the run");
        foreach (var part in options.Parts)
        {
            var partStarted = Stopwatch.GetTimestamp();
            report.Line("");
            await (part switch
            {
                "bulk" => BulkPart.RunAsync(options, report),
                "store" => StorePart.RunAsync(options, report),
                "insights" => InsightsPart.RunAsync(options, report),
                "overhead" => OverheadPart.RunAsync(options, report, set),
                "search" => SearchPart.RunAsync(options, report, set),
                "modes" => ModesPart.RunAsync(options, report, set),
                "callers" => CallersPart.RunAsync(options, report, set),
                "recall" => RecallPart.RunAsync(options, report, set),
                "sizes" => SizesPart.RunAsync(options, report),
                _ => ScalePart.RunAsync(options, report),
            });

            // After each part, so that a later one that fails takes nothing with it.
            await report.SaveAsync(options.Json);
            Console.WriteLine($"// {part}: {Stopwatch.GetElapsedTime(partStarted).TotalSeconds:0} s");
        }

        report.Line("");
        report.Line($"{await VersionsAsync()}, .NET {Environment.Version}; load {Load()} after the run, which took {Stopwatch.GetElapsedTime(started).TotalSeconds:0} s.");
        await report.SaveAsync(options.Json);
        Console.WriteLine($"// written to {report.Directory}");
    }

    private static Task<string> VersionsAsync() => BenchmarkServer.QueryAsync<string>(
        "SELECT 'PostgreSQL ' || current_setting('server_version') || ', pgvector ' || extversion FROM pg_extension WHERE extname = 'vector'");

    /// <summary>What else the machine was doing, where the system tells.</summary>
    private static string Load() => File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Split(' ')[0] : "unknown";

    private static string Processor() => File.Exists("/proc/cpuinfo")
        ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal)) is { } line
            ? $" ({line[(line.IndexOf(':', StringComparison.Ordinal) + 2)..]})" : ""
        : "";
}
