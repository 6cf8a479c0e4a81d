using System.Diagnostics;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Running;

/// <summary>The whole comparison in about three minutes, and one Markdown table of ratios.</summary>
internal static class QuickRun
{
    private static readonly TimeSpan TimeOfCalls = TimeSpan.FromSeconds(12);

    /// <param name="only">Parts to run: <c>search</c>, <c>store</c>, <c>bulk</c>. None means all.</param>
    public static async Task RunAsync(IReadOnlyCollection<string> only)
    {
        var started = Stopwatch.GetTimestamp();
        var comparisons = new List<Comparison>();
        if (Wanted("bulk"))
        {
            await BulkAsync(rows: 20_000, rounds: 7, vectorIndex: false);
            await BulkAsync(rows: 500, rounds: 5, vectorIndex: true);
        }

        if (Wanted("search"))
        {
            foreach (var rows in SearchedTable.Sizes)
            {
                foreach (var filter in Enum.GetValues<SearchFilter>())
                {
                    await SearchAsync(rows, filter, queryCache: true);
                    await SearchAsync(rows, filter, queryCache: false);
                }
            }
        }

        if (Wanted("store"))
        {
            await StoreAsync(vectorIndex: false);
            await StoreAsync(vectorIndex: true);
        }

        var version = await BenchmarkServer.QueryAsync<string>(
            "SELECT 'PostgreSQL ' || current_setting('server_version') || ', pgvector ' || extversion FROM pg_extension WHERE extname = 'vector'");
        Console.WriteLine();
        Console.WriteLine(Comparison.Header);
        comparisons.ForEach(Console.WriteLine);
        Console.WriteLine();
        Console.WriteLine($"{version}; .NET {Environment.Version}; {Environment.ProcessorCount} cores; {Stopwatch.GetElapsedTime(started).TotalSeconds:0} s.");

        bool Wanted(string part) => only.Count == 0 || only.Contains(part);

        void Add(Comparison comparison)
        {
            comparisons.Add(comparison);
            Console.WriteLine($"// {comparison}");
        }

        async Task BulkAsync(int rows, int rounds, bool vectorIndex)
        {
            await using var bulk = await BulkStore.CreateAsync(rows, vectorIndex);
            Add(await Interleaved.LoadsAsync(
                $"StoreManyAsync of {rows:N0} : COPY, {(vectorIndex ? "with" : "no")} HNSW index (rows/s)",
                rounds, rows, bulk.RawAsync, bulk.LibraryAsync));
        }

        async Task SearchAsync(int rows, SearchFilter filter, bool queryCache)
        {
            var benchmarks = new SearchBenchmarks { Rows = rows, Filter = filter, QueryCache = queryCache };
            await benchmarks.SetUp();
            var what = filter == SearchFilter.None ? "no filter" : "type and tag";
            Add(await Interleaved.CallsAsync(
                $"SearchAsync, {rows:N0} rows, {what}, query cache {(queryCache ? "on" : "off")} (time)",
                TimeOfCalls, benchmarks.RawOf, benchmarks.LibraryOf));
            await benchmarks.CleanUp();
        }

        async Task StoreAsync(bool vectorIndex)
        {
            var benchmarks = new StoreBenchmarks { VectorIndex = vectorIndex };
            await benchmarks.SetUp();
            Add(await Interleaved.CallsAsync(
                $"StoreAsync, {(vectorIndex ? "with" : "no")} HNSW index (time)",
                TimeOfCalls, _ => benchmarks.Raw(), _ => benchmarks.Library()));
            await benchmarks.CleanUp();
        }
    }
}
