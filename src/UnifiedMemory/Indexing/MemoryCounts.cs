namespace UnifiedMemory.Indexing;

/// <summary>How many memories there are, in all and of each type.</summary>
internal sealed record MemoryCounts(long Total, IReadOnlyDictionary<MemoryType, long> ByType)
{
    public long Of(MemoryType? type) => type is { } one ? ByType.GetValueOrDefault(one) : Total;
}
