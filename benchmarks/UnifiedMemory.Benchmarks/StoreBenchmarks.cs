using BenchmarkDotNet.Attributes;
using Npgsql;
using UnifiedMemory.Benchmarks.Raw;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks;

/// <summary>
/// StoreAsync of a new memory against its look-up and its INSERT by raw Npgsql, into the same table. Both wait for the
/// server's disk at the commit.
/// </summary>
[MemoryDiagnoser]
public class StoreBenchmarks
{
    private const string Prefix = "bench_store_";
    private const string Schema = Prefix + "memories";
    private const int Pool = 4_096;
    private const int RowsBefore = 5_000;

    private readonly LookupEmbeddingProvider _provider = new();
    private readonly List<(NewMemory Memory, RawRow Row)> _memories = [];
    private NpgsqlDataSource _dataSource = null!;
    private UnifiedMemoryStore _store = null!;
    private RawStore _raw = null!;
    private int _next;

    /// <summary>Whether the table has its HNSW index.</summary>
    [Params(true, false)]
    public bool VectorIndex { get; set; }

    [GlobalSetup]
    public async Task SetUp()
    {
        _store = UnifiedMemoryStore.Create(
            new UnifiedMemoryOptions { ConnectionString = BenchmarkServer.ConnectionString, SchemaPrefix = Prefix }, _provider);
        _dataSource = RawConnections.Create();
        await BenchmarkServer.ExecuteAsync($"DROP SCHEMA IF EXISTS {Schema} CASCADE");
        await _store.MigrateAsync();
        await _dataSource.ReloadTypesAsync();

        var vectors = new ClusteredVectors(seed: 3);
        for (var i = 0; i < Pool; i++)
        {
            var memory = MemorySet.Create("stored", i);
            var vector = vectors.Next();
            _memories.Add((memory, RawRow.From(memory, vector, DateTime.UtcNow)));
        }

        var index = await VectorIndexes.DropAsync(Schema);
        var before = MemorySet.Create("before", 0, RowsBefore).ToList();
        foreach (var memory in before)
            _provider.Add(memory.Content, vectors.Next());
        await _store.StoreManyAsync(before);
        if (VectorIndex)
            await VectorIndexes.CreateAsync(index);

        var first = Next();
        _provider.Add(first.Memory.Content, first.Row.Vector);
        var sent = await SentStatements.CaptureAsync(() => _store.StoreAsync(first.Memory));
        var find = sent.Single(text => text.Contains("unnest(", StringComparison.Ordinal));
        var insert = sent.Single(text => text.StartsWith("INSERT", StringComparison.Ordinal));
        _raw = new RawStore(_dataSource, SentStatements.Parse(find), insert);
        if (!await Raw() || (await Library()).Outcome != StoreOutcome.Created || await _raw.StoreAsync(first.Row))
            throw new InvalidOperationException("One of the two does not store what it should, or stores a duplicate.");
    }

    [GlobalCleanup]
    public async Task CleanUp()
    {
        await _store.DisposeAsync();
        await _dataSource.DisposeAsync();
    }

    [Benchmark(Baseline = true)]
    public Task<bool> Raw() => _raw.StoreAsync(Next().Row);

    [Benchmark]
    public Task<StoredMemory> Library()
    {
        var (memory, row) = Next();
        _provider.Add(memory.Content, row.Vector);
        return _store.StoreAsync(memory);
    }

    /// <summary>
    /// A memory that was never stored. The workflow makes it another one, so texts, hashes and vectors can be used again;
    /// what that costs both sides pay.
    /// </summary>
    private (NewMemory Memory, RawRow Row) Next()
    {
        var number = _next++;
        var (memory, row) = _memories[number % Pool];
        memory = memory with { WorkflowId = $"workflow-{number}" };
        return (memory, row with { Memory = memory, Id = Guid.CreateVersion7(), IdentityHash = RawRow.IdentityOf(memory) });
    }
}
