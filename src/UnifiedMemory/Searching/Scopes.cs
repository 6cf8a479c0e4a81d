using BitFaster.Caching;
using BitFaster.Caching.Lru;
using UnifiedMemory.Indexing;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Searching;

/// <summary>
/// What searches are planned with: the statistics of the filters in use, and the vector indexes that are there. Both are kept for half a
/// minute, and read once for all who ask at the same time.
/// </summary>
internal sealed class Scopes(MemoryTable memories, VectorIndexTable indexes)
{
    private const int Capacity = 1024;

    private static readonly TimeSpan KeptFor = TimeSpan.FromSeconds(30);

    private readonly IAsyncCache<string, ScopeStatistics> _statistics = new ConcurrentLruBuilder<string, ScopeStatistics>()
        .WithKeyComparer(StringComparer.Ordinal).WithCapacity(Capacity).WithExpireAfterWrite(KeptFor).AsAsyncCache().WithAtomicGetOrAdd().Build();

    private readonly IAsyncCache<string, IReadOnlyList<VectorIndex>> _indexes = new ConcurrentLruBuilder<string, IReadOnlyList<VectorIndex>>()
        .WithCapacity(3).WithExpireAfterWrite(KeptFor).AsAsyncCache().WithAtomicGetOrAdd().Build();

    /// <summary>The read is everybody's, so nobody's token ends it; who gives up ends only his own waiting.</summary>
    public Task<ScopeStatistics> GetStatisticsAsync(MemoryFilter filter, CancellationToken cancellationToken) =>
        _statistics.GetOrAddAsync(
            FilterSql.KeyOf(filter), _ => memories.EstimateAsync(filter, CancellationToken.None)).AsTask().WaitAsync(cancellationToken);

    public Task<IReadOnlyList<VectorIndex>> GetIndexesAsync(CancellationToken cancellationToken) =>
        _indexes.GetOrAddAsync("", _ => indexes.ReadUsableAsync(CancellationToken.None)).AsTask().WaitAsync(cancellationToken);

    /// <summary>The indexes are others now.</summary>
    public void Forget()
    {
        _indexes.Clear();
        _statistics.Clear();
    }
}
