namespace UnifiedMemory.Benchmarks;

/// <summary>What a benchmarked search is restricted to, apart from its namespace.</summary>
public enum SearchFilter
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>One type, 30 % of the memories, and a tag that all of them have.</summary>
    TypeAndTag,
}
