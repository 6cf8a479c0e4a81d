using System.Diagnostics;

namespace UnifiedMemory.Monitoring;

/// <summary>
/// One call of the store as it is seen from outside: a span and a duration. Where the conventions have a name for it, it is
/// theirs: https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/gen-ai-spans.md#memory
/// </summary>
internal sealed class Operation : IDisposable
{
    private readonly string _name;
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly Activity? _activity;
    private string? _errorType;

    private Operation(string name, string spanName)
    {
        _name = name;
        _activity = Telemetry.Source.StartActivity(spanName, ActivityKind.Internal);
        _activity?.SetTag("gen_ai.operation.name", spanName);
    }

    public static Operation Start(string name) => new(name, name switch
    {
        "store" => "create_memory",
        "update" => "update_memory",
        "delete" => "delete_memory",
        "search" => "search_memory",
        _ => name,
    });

    public void Set(string tag, object? value) => _activity?.SetTag(tag, value);

    /// <summary>Runs the work, and records what it ended with.</summary>
    public static async Task<T> RunAsync<T>(string name, Func<Operation, Task<T>> work)
    {
        using var operation = Start(name);
        try
        {
            return await work(operation).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            operation.Fail(exception);
            throw;
        }
    }

    public void Dispose()
    {
        var tags = new TagList { { "operation", _name } };
        if (_errorType is not null)
            tags.Add("error.type", _errorType);
        StoreMetrics.OperationDuration.Record(Stopwatch.GetElapsedTime(_started).TotalSeconds, tags);
        _activity?.Dispose();
    }

    private void Fail(Exception exception)
    {
        _errorType = exception.GetType().Name;
        _activity?.SetTag("error.type", _errorType);
        _activity?.SetStatus(ActivityStatusCode.Error);
    }
}
