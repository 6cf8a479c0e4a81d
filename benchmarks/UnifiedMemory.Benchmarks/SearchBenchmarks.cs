using BenchmarkDotNet.Attributes;
using Npgsql;
using UnifiedMemory.Benchmarks.Raw;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks;

/// <summary>
/// SearchAsync against the same statements by raw Npgsql, on the same table, with the same answers as the same objects.
/// The vector of a query is known beforehand on both sides.
/// </summary>
[MemoryDiagnoser]
public class SearchBenchmarks
{
    private const int Limit = 20;
    private const int Queries = 256;

    private readonly LookupEmbeddingProvider _provider = new();
    private readonly List<(MemoryQuery Query, float[] Vector)> _queries = [];
    private NpgsqlDataSource _dataSource = null!;
    private UnifiedMemoryStore _store = null!;
    private RawSearch _raw = null!;
    private int _next;

    [ParamsSource(nameof(AllRows))]
    public int Rows { get; set; }

    [Params(SearchFilter.None, SearchFilter.TypeAndTag)]
    public SearchFilter Filter { get; set; }

    /// <summary>Whether the library keeps the vectors of recent queries.</summary>
    [Params(true, false)]
    public bool QueryCache { get; set; }

    public static IEnumerable<int> AllRows => SearchedTable.Sizes;

    [GlobalSetup]
    public async Task SetUp()
    {
        await SearchedTable.EnsureAsync(Rows);
        var options = SearchedTable.Options(Rows);
        options.QueryCacheSize = QueryCache ? 1024 : 0;
        _store = UnifiedMemoryStore.Create(options, _provider);
        _dataSource = RawConnections.Create();

        var vectors = new ClusteredVectors(seed: 2);
        for (var i = 0; i < Queries; i++)
        {
            var query = new MemoryQuery($"query {i}") { Limit = Limit };
            if (Filter == SearchFilter.TypeAndTag)
                query = query with { Types = [MemoryType.Project], Tags = ["reviewed"] };
            _queries.Add((query, vectors.Next()));
            _provider.Add(query.Text, _queries[i].Vector);
        }

        await _store.SearchAsync(_queries[0].Query);
        var sent = await SentStatements.CaptureAsync(() => _store.SearchAsync(_queries[0].Query));
        _raw = new RawSearch(_dataSource, SentStatements.Parse(string.Join(";\n", sent)));
        await RequireEqualAnswersAsync();
    }

    [GlobalCleanup]
    public async Task CleanUp()
    {
        await _store.DisposeAsync();
        await _dataSource.DisposeAsync();
    }

    [Benchmark(Baseline = true)]
    public Task<List<MemoryMatch>> Raw() => RawOf(_next++);

    [Benchmark]
    public Task<IReadOnlyList<MemoryMatch>> Library() => LibraryOf(_next++);

    internal Task<List<MemoryMatch>> RawOf(int index)
    {
        var (query, vector) = _queries[index % Queries];
        return _raw.SearchAsync(query, vector);
    }

    internal Task<IReadOnlyList<MemoryMatch>> LibraryOf(int index) => _store.SearchAsync(_queries[index % Queries].Query);

    /// <summary>A ratio between two different answers would say nothing.</summary>
    private async Task RequireEqualAnswersAsync()
    {
        for (var i = 0; i < 16; i++)
        {
            var raw = await RawOf(i);
            var library = await LibraryOf(i);
            if (raw.Count != Limit || !raw.Select(Key).SequenceEqual(library.Select(Key)))
                throw new InvalidOperationException($"Query {i}: raw found {raw.Count}, the library {library.Count} of {Limit}, or others.");
        }

        static (Guid, string, string, double) Key(MemoryMatch match) =>
            (match.Record.Id, match.Record.Content, match.Record.Metadata.ToJsonString(), match.Similarity);
    }
}
