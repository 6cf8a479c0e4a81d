using UnifiedMemory.Monitoring;

namespace UnifiedMemory.Storing;

/// <summary>Counts the outcomes of concurrent batches and reports them one after the other.</summary>
internal sealed class StoreTally(IProgress<StoreProgress>? progress)
{
    private readonly Lock _lock = new();

    public StoreProgress Total { get; private set; } = new(0, 0, 0);

    public void Add(IReadOnlyList<StoredMemory> stored)
    {
        var created = Count(StoreOutcome.Created);
        var alreadyStored = Count(StoreOutcome.AlreadyStored);
        var rejected = Count(StoreOutcome.Rejected);
        lock (_lock)
        {
            Total = new StoreProgress(Total.Created + created, Total.AlreadyStored + alreadyStored, Total.Rejected + rejected);
            progress?.Report(Total);
        }

        int Count(StoreOutcome outcome)
        {
            var count = stored.Count(one => one.Outcome == outcome);
            if (count > 0)
                StoreMetrics.RecordStored(outcome, count);
            return count;
        }
    }
}
