using BenchmarkDotNet.Attributes;
using UnifiedMemory.Benchmarks.Sides;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks;

/// <summary>StoreAsync of a new memory against one INSERT by raw Npgsql and against EF Core, into tables without a vector index.</summary>
[MemoryDiagnoser]
public class StoreBenchmarks
{
    private const int Before = 5_000;

    private readonly List<MemoryToStore> _memories = [.. MemoryToStore.Create("stored", Before, seed: 3)];
    private ComparedSides _sides = null!;
    private int _next;

    [GlobalSetup]
    public async Task SetUp()
    {
        _sides = await ComparedSides.CreateEmptyAsync("load_store_");
        foreach (var side in _sides.All)
            await side.StoreManyAsync(_memories);
    }

    [GlobalCleanup]
    public async Task CleanUp() => await _sides.DisposeAsync();

    [Benchmark(Baseline = true)]
    public Task Raw() => _sides.Raw.StoreAsync(Next());

    [Benchmark]
    public Task Library() => _sides.Library.StoreAsync(Next());

    [Benchmark]
    public Task EfCore() => _sides.Ef.StoreAsync(Next());

    /// <summary>One that was never stored. What making it costs all sides pay.</summary>
    private MemoryToStore Next()
    {
        var number = _next++;
        return _memories[number % Before].In($"workflow-{number}");
    }
}
