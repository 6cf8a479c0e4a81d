using UnifiedMemory.Benchmarks.Measuring;
using UnifiedMemory.Benchmarks.Reporting;
using UnifiedMemory.Benchmarks.Running;
using UnifiedMemory.Benchmarks.Sides;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Parts;

/// <summary>
/// What searching by words, and by words and vectors together, costs: rare and common words against PostgreSQL's own ranking, and
/// each mode against searching by vector alone.
/// </summary>
internal static class ModesPart
{
    private static readonly Target WellUnder100 = Target.Below(100);

    /// <summary>What is asked. Of the most frequent ten words each is in more than half of the memories.</summary>
    private static readonly (string Name, string Key, Func<Random, IEnumerable<string>> Words)[] Texts =
    [
        ("three rare words", "rare", random => Enumerable.Range(0, 3).Select(_ => Vocabulary.Next(random, 2_000, 20_000))),
        ("eight words, as in a text", "mixed", random => Enumerable.Range(0, 8).Select(_ => Vocabulary.Next(random))),
        ("six common words", "common", random => Enumerable.Range(0, 6).Select(_ => Vocabulary.Next(random, 1, 10))),
    ];

    private static readonly (string Name, Func<MemoryQuery, MemoryQuery> With)[] Modes =
    [
        ("vector", query => query with { Mode = SearchMode.Vector }),
        ("text", query => query with { Mode = SearchMode.Text }),
        ("hybrid", query => query),
        ("hybrid, neighbours", query => query with { Neighbours = 1 }),
        ("hybrid, recency and importance", query => query with { RecencyHalfLife = TimeSpan.FromDays(30), ImportanceWeight = 0.5 }),
        ("hybrid, diversity", query => query with { Diversity = 0.3 }),
    ];

    private static readonly SearchCase[] Filters = [SearchCase.NoFilter, SearchCase.Type, SearchCase.Namespace];

    public static async Task RunAsync(LoadOptions options, Report report, SearchSet set)
    {
        await SearchedTable.EnsureAsync(options.Rows);
        var asked = Texts.Select((text, index) => Asked(text.Words, set, seed: index)).ToList();
        var provider = new LookupEmbeddingProvider();
        foreach (var text in asked.SelectMany(texts => texts))
            provider.Add(text.Text, text.Vector);
        await using var library = await LibrarySide.CreateAsync(SearchedTable.PrefixOf(options.Rows), provider);

        report.Line("### Search by words: BM25 against ts_rank_cd");
        report.Table(
            ["words", "ts_rank_cd, p50 / p95", "text, p50 / p95", "ratio, p50", "hybrid, p50 / p95", "fewest rows of 20"],
            await WordsAsync(library, asked, options, report));
        report.Line("");
        report.Line("### Each mode against searching by vector; eight words, as in a text");
        report.Table(["mode", .. Filters.SelectMany(filter => (string[])[SearchCases.NameOf(filter) + ", p50 / p95", "ratio, p50"])],
            await ModesAsync(library, asked[1], options, report));
        report.Line("");
    }

    private static List<SearchText> Asked(Func<Random, IEnumerable<string>> words, SearchSet set, int seed)
    {
        var random = new Random(seed);
        return [.. set.Queries.Select(query => query with { Text = string.Join(' ', words(random)) })];
    }

    private static async Task<List<string[]>> WordsAsync(
        LibrarySide library, IReadOnlyList<List<SearchText>> asked, LoadOptions options, Report report)
    {
        await using var ranked = new TextRankSide(SearchedTable.SchemaOf(options.Rows));
        var rows = new List<string[]>();
        foreach (var (text, (name, key, _)) in asked.Zip(Texts))
        {
            var fewest = int.MaxValue;
            var times = await Interleaved.CallsAsync(
                options.Time / 6,
                [
                    index => ranked.SearchAsync(text[index % text.Count].Text),
                    async index => fewest = Math.Min(fewest, (await SearchAsync(library, text, index, SearchMode.Text)).Count),
                    index => SearchAsync(library, text, index, SearchMode.Hybrid),
                ]);
            rows.Add(
            [
                name,
                Percentiles(times[0]),
                Percentiles(times[1]),
                report.Value($"text.{key}.p50.ratio", times[1].Median / times[0].Median),
                $"{report.Value($"hybrid.{key}.p50_ms", times[2].Median * 1e3, WellUnder100)} / {report.Value($"hybrid.{key}.p95_ms", times[2].Percentile(0.95) * 1e3)} ms",
                report.Value($"text.{key}.rows", fewest, format: "0"),
            ]);
        }

        return rows;
    }

    private static Task<IReadOnlyList<MemoryMatch>> SearchAsync(LibrarySide library, List<SearchText> texts, int index, SearchMode mode) =>
        library.Store.SearchAsync(new MemoryQuery(texts[index % texts.Count].Text) { Limit = SearchCases.Limit, Mode = mode });

    private static async Task<List<string[]>> ModesAsync(LibrarySide library, List<SearchText> texts, LoadOptions options, Report report)
    {
        var rows = Modes.Select(mode => new List<string> { mode.Name }).ToList();
        foreach (var filter in Filters)
        {
            var times = await Interleaved.CallsAsync(options.Time / 3, [.. Modes.Select(mode => (Func<int, Task>)(index =>
                library.Store.SearchAsync(mode.With(SearchCases.QueryOf(filter, texts[index % texts.Count].Text) with { Mode = SearchMode.Hybrid }))))]);
            for (var mode = 0; mode < Modes.Length; mode++)
            {
                rows[mode].Add(Percentiles(times[mode]));
                rows[mode].Add(report.Value(
                    $"modes.{SearchCases.KeyOf(filter)}.{Modes[mode].Name.Replace(", ", "_", StringComparison.Ordinal).Replace(' ', '_')}.ratio",
                    times[mode].Median / times[0].Median));
            }
        }

        return [.. rows.Select(row => row.ToArray())];
    }

    private static string Percentiles(Samples side) => $"{side.Median * 1e3:0.00} / {side.Percentile(0.95) * 1e3:0.00} ms";
}
