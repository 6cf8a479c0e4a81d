using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Sides;

/// <summary>One of the ways of doing the same that are compared.</summary>
internal interface ISide : IAsyncDisposable
{
    string Name { get; }

    Task<IReadOnlyList<MemoryMatch>> SearchAsync(SearchCase searched, SearchText text);

    /// <summary>Stores one that is new.</summary>
    Task StoreAsync(MemoryToStore memory);

    /// <summary>Stores many that are new.</summary>
    Task StoreManyAsync(IReadOnlyList<MemoryToStore> memories);
}
