using System.Diagnostics;
using Npgsql;
using UnifiedMemory.Benchmarks.Raw;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Running;

/// <summary>
/// StoreManyAsync of new memories, each looked for and refused as a duplicate by the database, against one binary COPY of the
/// same rows into an equal table. Not BenchmarkDotNet: a load takes seconds and needs an emptied table and a checkpoint
/// before it, and only rounds in turns give a ratio that a shared machine does not bend.
/// </summary>
internal sealed class BulkStore : IAsyncDisposable
{
    private const string LibraryPrefix = "bench_bulk_";
    private const string LibrarySchema = LibraryPrefix + "memories";
    private const string RawPrefix = "bench_copy_";
    private const string RawSchema = RawPrefix + "memories";

    private readonly LookupEmbeddingProvider _provider = new();
    private readonly List<NewMemory> _memories;
    private readonly List<RawRow> _rows = [];
    private readonly UnifiedMemoryStore _store;
    private readonly NpgsqlDataSource _dataSource = RawConnections.Create();
    private readonly RawCopy _copy;

    private BulkStore(int rows)
    {
        var vectors = new ClusteredVectors(seed: 4);
        _memories = [.. MemorySet.Create("bulk", 0, rows)];
        foreach (var memory in _memories)
        {
            var vector = vectors.Next();
            _provider.Add(memory.Content, vector);
            _rows.Add(RawRow.From(memory, vector, DateTime.UtcNow));
        }

        _store = UnifiedMemoryStore.Create(Options(LibraryPrefix), _provider);
        _copy = new RawCopy(_dataSource, RawSchema);
    }

    public int Rows => _memories.Count;

    /// <summary>Makes both tables anew, with the library's own schema.</summary>
    public static async Task<BulkStore> CreateAsync(int rows, bool vectorIndex)
    {
        var bulk = new BulkStore(rows);
        await BenchmarkServer.ExecuteAsync($"DROP SCHEMA IF EXISTS {LibrarySchema} CASCADE; DROP SCHEMA IF EXISTS {RawSchema} CASCADE");
        await bulk._store.MigrateAsync();
        await using (var other = UnifiedMemoryStore.Create(Options(RawPrefix), bulk._provider))
            await other.MigrateAsync();
        await bulk._dataSource.ReloadTypesAsync();
        if (!vectorIndex)
        {
            await VectorIndexes.DropAsync(LibrarySchema);
            await VectorIndexes.DropAsync(RawSchema);
        }

        return bulk;
    }

    public Task<TimeSpan> RawAsync(int round) => TimeAsync(RawSchema, async () => (long)await _copy.CopyAsync(_rows));

    public Task<TimeSpan> LibraryAsync(int round) => TimeAsync(LibrarySchema, async () =>
        (await _store.StoreManyAsync(_memories)).LongCount(stored => stored.Outcome == StoreOutcome.Created));

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        await _dataSource.DisposeAsync();
    }

    private static UnifiedMemoryOptions Options(string prefix) =>
        new() { ConnectionString = BenchmarkServer.ConnectionString, SchemaPrefix = prefix };

    private async Task<TimeSpan> TimeAsync(string schema, Func<Task<long>> load)
    {
        await BenchmarkServer.ExecuteAsync($"TRUNCATE {schema}.memories");
        await BenchmarkServer.ExecuteAsync("CHECKPOINT");
        GC.Collect();
        var started = Stopwatch.GetTimestamp();
        var stored = await load();
        var time = Stopwatch.GetElapsedTime(started);
        if (stored != Rows || await BenchmarkServer.QueryAsync<long>($"SELECT count(*) FROM {schema}.memories") != Rows)
            throw new InvalidOperationException($"Of {Rows:N0} memories {stored:N0} were stored in {schema}.");
        return time;
    }
}
