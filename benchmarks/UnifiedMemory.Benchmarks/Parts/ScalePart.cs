using System.Diagnostics;
using System.Globalization;
using UnifiedMemory.Benchmarks.Measuring;
using UnifiedMemory.Benchmarks.Reporting;
using UnifiedMemory.Benchmarks.Running;
using UnifiedMemory.Benchmarks.Sides;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Parts;

/// <summary>
/// One large table with a halfvec index: what it takes to load and build, how large it is, and how the library searches it.
/// Loaded by COPY, since how fast the library stores is measured elsewhere. Kept for later runs on the same server.
/// </summary>
internal static class ScalePart
{
    private const string Prefix = "load_scale_";
    private const string Schema = Prefix + "memories";
    private const int Chunk = 10_000;
    private const int Queries = 40;

    public static async Task RunAsync(LoadOptions options, Report report)
    {
        var set = new SearchSet(Schema, options.ScaleRows, Queries);
        var load = await IsThereAsync(options.ScaleRows) ? null : await LoadAsync(options.ScaleRows);
        await using var library = await OpenAsync(set.Provider());
        await library.BuildIndexesAsync();
        if (load is not null)
            await BenchmarkServer.ExecuteAsync($"VACUUM ANALYZE {Schema}.memories");

        var index = await BenchmarkServer.QueryAsync<string>(
            $"SELECT array_to_string(reloptions, ', ') FROM pg_class WHERE oid = '{Schema}.memories_embedding'::regclass");
        report.Line(string.Create(CultureInfo.InvariantCulture, $"### {options.ScaleRows:N0} × {ClusteredVectors.Dimensions}, halfvec HNSW index, {index}"));
        report.Table(["load", "rows a second", "vector indexes built in", "table", "vector indexes", "all indexes"], (string[][])
        [[
            load is { } seconds ? report.Value("scale.load_seconds", seconds, format: "N0") + " s" : "before",
            load is null ? "" : Show.Count(options.ScaleRows / load.Value),
            report.Value("scale.build_seconds", await BenchmarkServer.QueryAsync<double>(
                $"SELECT sum(build_seconds)::float8 FROM {Schema}.vector_indexes"), format: "N0") + " s",
            report.Value("scale.table_mb", await MegabytesAsync($"pg_table_size('{Schema}.memories')"), format: "N0") + " MB",
            report.Value("scale.vector_indexes_mb", await MegabytesAsync(
                $"sum(pg_relation_size(('{Schema}.' || quote_ident(name))::regclass))::bigint FROM {Schema}.vector_indexes"), format: "N0") + " MB",
            report.Value("scale.indexes_mb", await MegabytesAsync($"pg_indexes_size('{Schema}.memories')"), format: "N0") + " MB",
        ]]);
        report.Line("");
        report.Table(["search", "p50", "p95", "fewest rows of 20", "recall at 20"], await SearchAsync(library, set, options, report));
    }

    private static async Task<bool> IsThereAsync(int rows) =>
        await BenchmarkServer.QueryAsync<bool>($"SELECT to_regclass('{Schema}.memories_embedding') IS NOT NULL")
        && await BenchmarkServer.QueryAsync<long>($"SELECT count(*) FROM {Schema}.memories") == rows;

    private static Task<LibrarySide> OpenAsync(LookupEmbeddingProvider provider) => LibrarySide.CreateAsync(
        Prefix, provider, settings => (settings.Indexes.HalfPrecision, settings.Indexes.Method) = (true, VectorIndexMethod.Hnsw));

    /// <summary>In seconds, without the time that making the memories takes.</summary>
    private static async Task<double?> LoadAsync(int rows)
    {
        await BenchmarkServer.ExecuteAsync($"DROP SCHEMA IF EXISTS {Schema} CASCADE");
        await (await LibrarySide.CreateAsync(Prefix, new LookupEmbeddingProvider())).DisposeAsync();
        await using var raw = new RawSide(Schema);
        var seconds = 0.0;
        foreach (var memories in MemoryToStore.Create("memory", rows, seed: 1).Chunk(Chunk))
            seconds += await TimeAsync(() => raw.StoreManyAsync(memories));

        return seconds;
    }

    private static async Task<List<string[]>> SearchAsync(LibrarySide library, SearchSet set, LoadOptions options, Report report)
    {
        var rows = new List<string[]>();
        foreach (var searched in SearchCases.All)
        {
            var key = "scale." + SearchCases.KeyOf(searched);
            var answers = await set.AskAsync(searched, text => library.SearchAsync(searched, text));
            var times = (await Interleaved.CallsAsync(options.Time, [index => library.SearchAsync(searched, set[index])]))[0];
            rows.Add(
            [
                SearchCases.NameOf(searched),
                report.Value($"{key}.p50_ms", times.Median * 1e3) + " ms",
                report.Value($"{key}.p95_ms", times.Percentile(0.95) * 1e3) + " ms",
                report.Value($"{key}.rows", answers.Fewest, Target.Above(SearchCases.Limit), "0"),
                report.Value($"{key}.recall", answers.Recall, Target.Above(0.98), "0.000"),
            ]);
        }

        return rows;
    }

    private static async Task<double> MegabytesAsync(string size) =>
        await BenchmarkServer.QueryAsync<long>($"SELECT {size}") / (1024.0 * 1024);

    private static async Task<double> TimeAsync(Func<Task> work)
    {
        var started = Stopwatch.GetTimestamp();
        await work();
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }
}
