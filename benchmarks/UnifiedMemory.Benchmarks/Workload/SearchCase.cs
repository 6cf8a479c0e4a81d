namespace UnifiedMemory.Benchmarks.Workload;

/// <summary>What a search is restricted to, apart from its namespace; the shares are those of <see cref="MemorySet"/>.</summary>
public enum SearchCase
{
    /// <summary>Nothing.</summary>
    NoFilter,

    /// <summary>A type, 5 %.</summary>
    Type,

    /// <summary>A tag, 1 %.</summary>
    Tag,

    /// <summary>A namespace, 1 %.</summary>
    Namespace,

    /// <summary>A range of a number in the metadata, 10 %.</summary>
    Range,

    /// <summary>The type and the range, 0.5 %.</summary>
    TypeAndRange,
}
