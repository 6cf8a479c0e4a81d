using BenchmarkDotNet.Attributes;
using UnifiedMemory.Benchmarks.Sides;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks;

/// <summary>SearchAsync against the best plan by raw Npgsql and against EF Core, with their allocations.</summary>
[MemoryDiagnoser]
public class SearchBenchmarks
{
    private SearchSet _set = null!;
    private ComparedSides _sides = null!;
    private int _next;

    [ParamsSource(nameof(AllRows))]
    public int Rows { get; set; }

    [ParamsAllValues]
    public SearchCase Case { get; set; }

    public static IEnumerable<int> AllRows => SearchedTable.Sizes;

    [GlobalSetup]
    public async Task SetUp()
    {
        _set = new SearchSet(SearchedTable.SchemaOf(Rows), Rows, count: 60);
        _sides = await ComparedSides.OpenAsync(Rows, _set);
        await _sides.Raw.ChoosePlanAsync(Case, _set);
    }

    [GlobalCleanup]
    public async Task CleanUp() => await _sides.DisposeAsync();

    [Benchmark(Baseline = true)]
    public Task<IReadOnlyList<MemoryMatch>> Raw() => _sides.Raw.SearchAsync(Case, _set[_next++]);

    [Benchmark]
    public Task<IReadOnlyList<MemoryMatch>> Library() => _sides.Library.SearchAsync(Case, _set[_next++]);

    [Benchmark]
    public Task<IReadOnlyList<MemoryMatch>> EfCore() => _sides.Ef.SearchAsync(Case, _set[_next++]);
}
