using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using UnifiedMemory;

/// <summary>Appends each insight as a line of JSON to a file.</summary>
internal sealed class JsonLinesSink(string path) : IInsightSink, IDisposable
{
    private static readonly JsonSerializerOptions Names = new() { Converters = { new JsonStringEnumConverter() } };
    private readonly SemaphoreSlim _one = new(1);

    public string Name => "json-lines";

    public async Task<InsightDelivery> DeliverAsync(Insight insight, CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            // From the second try on, an earlier one may have arrived; a line that was broken off has not.
            if (insight.Attempt > 1 && File.Exists(path) && File.ReadLines(path).Any(old => old.Contains($"\"Id\":\"{insight.Id}\"", StringComparison.Ordinal) && old.EndsWith('}')))
                return InsightDelivery.Delivered;
            using var file = new FileStream(path, FileMode.OpenOrCreate);
            var start = file.Length > 0 && file.Seek(-1, SeekOrigin.End) >= 0 && file.ReadByte() != '\n' ? "\n" : "";
            await file.WriteAsync(Encoding.UTF8.GetBytes($"{start}{JsonSerializer.Serialize(insight, Names)}\n"), CancellationToken.None);
            return InsightDelivery.Delivered;
        }
        catch (IOException exception)
        {
            return InsightDelivery.Unavailable(exception.GetType().Name);
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();
}
