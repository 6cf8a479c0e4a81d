namespace UnifiedMemory.Indexing;

/// <summary>How many memories there are, in all and of each type.</summary>
internal sealed record MemoryCounts(long Total, IReadOnlyDictionary<MemoryType, long> ByType)
{
    /// <summary>How many memories each one stands for that was sampled to learn their types; 0 when all were counted.</summary>
    public double PerSample { get; init; }

    public long Of(MemoryType? type) => type is { } one ? ByType.GetValueOrDefault(one) : Total;

    /// <summary>
    /// What the number surely is between: three standard deviations of what a sample finds by chance, and three samples, since of a few
    /// memories it may find none.
    /// </summary>
    public (double Least, double Most) RangeOf(MemoryType? type)
    {
        var rows = Of(type);
        var error = type is null ? 0 : 3 * (PerSample + Math.Sqrt(PerSample * rows));
        return (rows - error, rows + error);
    }
}
