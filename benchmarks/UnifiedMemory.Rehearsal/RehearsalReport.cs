using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace UnifiedMemory.Rehearsal;

/// <summary>What was measured, on the console as it comes and as JSON at the end.</summary>
internal sealed class RehearsalReport(int rows)
{
    private static readonly JsonSerializerOptions Indented = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private readonly List<Step> _steps = [];

    public async Task<T> MeasureAsync<T>(string what, Func<Task<T>> work, Func<T, long?> bytes)
    {
        var started = Stopwatch.GetTimestamp();
        var result = await work();
        Add(what, Stopwatch.GetElapsedTime(started), bytes(result));
        return result;
    }

    public void Add(string what, TimeSpan duration, long? bytes = null)
    {
        _steps.Add(new Step(what, Math.Round(duration.TotalSeconds, 2), bytes));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{what,-58} {duration.TotalSeconds,8:0.0} s{(bytes is { } size ? $"  {size / 1048576.0,8:0.0} MiB" : "")}"));
    }

    public async Task SaveAsync(string path, string server) => await File.WriteAllTextAsync(path, JsonSerializer.Serialize(
        new
        {
            date = TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            rows,
            cores = Environment.ProcessorCount,
            system = RuntimeInformation.OSDescription,
            server,
            steps = _steps,
        },
        Indented) + "\n");

    private sealed record Step(string What, double Seconds, long? Bytes);
}
