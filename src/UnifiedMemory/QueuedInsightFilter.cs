namespace UnifiedMemory;

/// <summary>Which of the insights that are not delivered yet. What is <c>null</c> does not matter.</summary>
public sealed record QueuedInsightFilter
{
    /// <summary>The namespace, or <see cref="MemoryFilter.AllNamespaces"/>. Default: all.</summary>
    public string? Namespace { get; init; }

    /// <summary>The name of the sink, which need not be registered any more. Default: all.</summary>
    public string? Sink { get; init; }

    /// <summary>Pending or parked. Default: both.</summary>
    public QueuedInsightState? State { get; init; }

    /// <summary>The insight's id. Default: all.</summary>
    public Guid? Id { get; init; }
}
