namespace UnifiedMemory;

/// <summary>
/// A question to the store: a text, and the restrictions of a <see cref="MemoryFilter"/>. The most similar memories that
/// fulfil the filter are found: <see cref="Limit"/> of them whenever that many exist.
/// </summary>
/// <param name="Text">What is looked for: not blank, at most <see cref="UnifiedMemoryOptions.MaxContentBytes"/> bytes of UTF-8.</param>
public sealed record MemoryQuery(string Text) : MemoryFilter
{
    /// <summary>How many memories to return at most, 1 to 1,000. Default: 10.</summary>
    public int Limit { get; init; } = 10;

    /// <summary>Only memories at least this similar, −1 to 1. Default: no bound.</summary>
    public double? MinimumSimilarity { get; init; }
}
