using UnifiedMemory.Benchmarks.Measuring;
using UnifiedMemory.Benchmarks.Reporting;
using UnifiedMemory.Benchmarks.Running;
using UnifiedMemory.Benchmarks.Sides;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Parts;

/// <summary>One caller's searches, without and with filters: how long, how complete, and how much is allocated.</summary>
internal static class SearchPart
{
    private static readonly Target AllRows = Target.Above(SearchCases.Limit);
    private static readonly Target EnoughRecall = Target.Above(0.98);

    public static async Task RunAsync(LoadOptions options, Report report, SearchSet set)
    {
        await using var sides = await ComparedSides.OpenAsync(options.Rows, set);
        var (times, answers, allocations) = (new List<string[]>(), new List<string[]>(), new List<string[]>());
        var found = new List<Answers>();
        foreach (var searched in SearchCases.All)
        {
            var (key, name) = (SearchCases.KeyOf(searched), SearchCases.NameOf(searched));
            var plan = await sides.Raw.ChoosePlanAsync(searched, set);
            await RequireEqualRecordsAsync(sides, searched, set[0]);
            var (ofLibrary, shown) = await AnswersAsync(sides, searched, set, report, key);
            found.Add(ofLibrary);
            answers.Add([name, .. shown]);
            var calls = sides.All.Select(side => (Func<int, Task>)(index => side.SearchAsync(searched, set[index]))).ToList();

            // Each with raw alone: what a third one drives out of the processor's caches costs the side with more code more.
            var library = await Interleaved.CallsAsync(options.Time, [calls[ComparedSides.LibraryIndex], calls[ComparedSides.RawIndex]]);
            var ef = await Interleaved.CallsAsync(options.Time / 2, [calls[ComparedSides.EfIndex], calls[ComparedSides.RawIndex]]);
            times.Add([name, plan.Name, .. Times(library[0], library[1], ef[0], ef[1], report, key, searched)]);
            allocations.Add([name, .. await AllocationsAsync(sides, calls, report, key)]);
        }

        report.Line("### Search, one caller: time");
        report.Table(
            [
                "search", "raw's best plan", "raw, p50 / p95 / p99", "library, p50 / p95 / p99", "EF Core, p50 / p95 / p99",
                "library : raw, p50", "range", "p95", "p99", "EF Core : raw, p50", "rounds",
            ],
            times);
        report.Line("");
        report.Line("### Search: fewest rows of 20, and recall at 20");
        report.Table(["search", "library, rows", "raw, rows", "EF Core, rows", "library, recall", "raw, recall", "EF Core, recall"], answers);
        report.Value("filter.min_rows_of_20", found.Min(one => one.Fewest));
        report.Value("filter.min_recall", found.Min(one => one.Recall));
        report.Line("");
        report.Line("### Search: KB allocated by the process for each");
        report.Table(["search", .. sides.All.Select(side => side.Name)], allocations);
    }

    private static string[] Times(Samples library, Samples raw, Samples ef, Samples rawBesideEf, Report report, string key, SearchCase searched)
    {
        var plain = searched == SearchCase.NoFilter;
        return
        [
            Percentiles(raw), Percentiles(library), Percentiles(ef),
            report.Value($"{key}.p50.ratio", library.Median / raw.Median, Target.Below(plain ? 1.05 : 1.3)),
            Show.Range(library.RangeOfRatioTo(raw)),
            report.Value($"{key}.p95.ratio", library.Percentile(0.95) / raw.Percentile(0.95), plain ? Target.Below(1.1) : null),
            report.Value($"{key}.p99.ratio", library.Percentile(0.99) / raw.Percentile(0.99)),
            report.Value($"{key}.ef.p50.ratio", ef.Median / rawBesideEf.Median),
            Show.Count(raw.Count),
        ];

        static string Percentiles(Samples side) =>
            $"{side.Median * 1e3:0.00} / {side.Percentile(0.95) * 1e3:0.00} / {side.Percentile(0.99) * 1e3:0.00} ms";
    }

    private static async Task<(Answers OfLibrary, string[] Shown)> AnswersAsync(
        ComparedSides sides, SearchCase searched, SearchSet set, Report report, string key)
    {
        var library = await set.AskAsync(searched, text => sides.Library.SearchAsync(searched, text));
        var raw = await set.AskAsync(searched, text => sides.Raw.SearchAsync(searched, text));
        var ef = await set.AskAsync(searched, text => sides.Ef.SearchAsync(searched, text));
        return (library,
        [
            report.Value($"{key}.rows", library.Fewest, AllRows, "0"),
            report.Value($"{key}.raw_rows", raw.Fewest, format: "0"),
            report.Value($"{key}.ef_rows", ef.Fewest, format: "0"),
            report.Value($"{key}.recall", library.Recall, EnoughRecall, "0.000"),
            report.Value($"{key}.raw_recall", raw.Recall, format: "0.000"),
            report.Value($"{key}.ef_recall", ef.Recall, format: "0.000"),
        ]);
    }

    private static async Task<List<string>> AllocationsAsync(ComparedSides sides, List<Func<int, Task>> calls, Report report, string key)
    {
        const int count = 50;
        var kilobytes = new List<string>();
        for (var side = 0; side < calls.Count; side++)
        {
            var before = GC.GetTotalAllocatedBytes(precise: true);
            for (var i = 0; i < count; i++)
                await calls[side](i);
            var each = (double)(GC.GetTotalAllocatedBytes(precise: true) - before) / count;
            kilobytes.Add(report.Value($"{key}.{sides.All[side].Name.Replace(" Core", "").ToLowerInvariant()}_kilobytes", each / 1024, format: "0.0"));
        }

        return kilobytes;
    }

    /// <summary>A ratio between different records would say nothing: what all sides found must be the same on each.</summary>
    private static async Task RequireEqualRecordsAsync(ComparedSides sides, SearchCase searched, SearchText text)
    {
        var raw = (await sides.Raw.SearchAsync(searched, text)).ToDictionary(match => match.Record.Id, Key);
        foreach (var side in sides.All)
        {
            foreach (var match in await side.SearchAsync(searched, text))
            {
                if (raw.TryGetValue(match.Record.Id, out var key) && key != Key(match))
                    throw new InvalidOperationException($"{side.Name} and raw found the same memory, and return something else.");
            }
        }

        static (MemoryType, string, string, string, DateTimeOffset, double) Key(MemoryMatch match) => (
            match.Record.Type, match.Record.Content, match.Record.Metadata.ToJsonString(), string.Join(',', match.Record.Tags),
            match.Record.CreatedAt, Math.Round(match.Similarity, 5));
    }
}
