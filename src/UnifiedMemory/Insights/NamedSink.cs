namespace UnifiedMemory.Insights;

/// <summary>A sink under the name that it had when the store was made.</summary>
internal sealed record NamedSink(string Name, IInsightSink Sink);
