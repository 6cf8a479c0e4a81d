namespace UnifiedMemory;

/// <summary>What one sink has not received yet.</summary>
/// <param name="Sink">The sink's name.</param>
/// <param name="Pending">Insights that are to be delivered.</param>
/// <param name="Parked">Insights that were given up.</param>
/// <param name="OldestAge">For how long the oldest pending one has waited, by the server's clock; zero for none.</param>
public sealed record InsightBacklog(string Sink, long Pending, long Parked, TimeSpan OldestAge);
