using System.Diagnostics;

namespace UnifiedMemory.Embeddings;

/// <summary>Measures one call to the provider, from its creation to its disposal.</summary>
internal sealed class EmbeddingCall(EmbeddingTelemetry telemetry, EmbeddingPurpose purpose, Activity? activity) : IDisposable
{
    private readonly long _started = Stopwatch.GetTimestamp();
    private string? _errorType;

    /// <summary>Marks the call as failed and hands the error back.</summary>
    public UnifiedMemoryException Failed(UnifiedMemoryException error)
    {
        _errorType = error switch
        {
            EmbeddingRejectedException => "rejected",
            { IsTransient: true } => "unavailable",
            _ => "failed",
        };
        activity?.SetTag("error.type", _errorType);
        activity?.SetStatus(ActivityStatusCode.Error);
        return error;
    }

    public void Dispose()
    {
        telemetry.CallEnded(Stopwatch.GetElapsedTime(_started), purpose, _errorType);
        activity?.Dispose();
    }
}
