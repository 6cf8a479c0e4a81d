using UnifiedMemory.Monitoring;

namespace UnifiedMemory.Insights;

/// <summary>Counts what became of the tries of a call, of several sinks at once.</summary>
internal sealed class DispatchTally
{
    private long _delivered;
    private long _failed;
    private long _parked;

    public InsightDispatch Total => new(Volatile.Read(ref _delivered), Volatile.Read(ref _failed), Volatile.Read(ref _parked));

    public void Delivered(string sink)
    {
        Interlocked.Increment(ref _delivered);
        StoreMetrics.RecordDelivery(sink, "delivered");
    }

    public void Failed(string sink, bool parked)
    {
        Interlocked.Increment(ref parked ? ref _parked : ref _failed);
        StoreMetrics.RecordDelivery(sink, parked ? "parked" : "failed");
    }
}
