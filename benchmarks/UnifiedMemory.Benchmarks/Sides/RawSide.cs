using Npgsql;
using UnifiedMemory.Benchmarks.Measuring;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Sides;

/// <summary>
/// Raw Npgsql with SQL written by hand for speed, on the library's schema: prepared, typed and binary parameters, columns by
/// position, a pool for each plan with its settings set when a session starts.
/// </summary>
internal sealed partial class RawSide(string schema, int poolSize = 20) : ISide
{
    /// <summary>What a plan must find to be taken for the best.</summary>
    private const double EnoughRecall = 0.98;

    private readonly Dictionary<RawPlan, NpgsqlDataSource> _sessions = [];
    private readonly Dictionary<SearchCase, RawPlan> _plans = [];
    private readonly NpgsqlDataSource _writing = Connect([], poolSize);

    public string Name => "raw";

    /// <summary>Pooled, prepared after two uses, nothing to reset.</summary>
    public static NpgsqlDataSource Connect(IReadOnlyList<string> settings, int poolSize = 20)
    {
        var connection = new NpgsqlConnectionStringBuilder(BenchmarkServer.ConnectionString)
        {
            MaxAutoPrepare = 100,
            AutoPrepareMinUsages = 2,
            NoResetOnClose = true,
            MaxPoolSize = poolSize,
            Timeout = 60,
        };
        connection.Options = string.Join(' ', settings.Select(setting => $"-c {setting}").Prepend(connection.Options));
        var builder = new NpgsqlDataSourceBuilder(connection.ConnectionString);
        builder.UseVector();
        return builder.Build();
    }

    /// <summary>The fastest plan of those that find enough, measured in turns; a case is searched with it from then on.</summary>
    public async Task<RawPlan> ChoosePlanAsync(SearchCase searched, SearchSet set)
    {
        var plans = await RawPlan.CandidatesAsync(schema, searched);
        var recalls = new List<double>();
        foreach (var plan in plans)
            recalls.Add(plans.Count == 1 ? 1 : (await set.AskAsync(searched, text => SearchAsync(plan, searched, text))).Recall);
        var complete = plans.Where((_, index) => recalls[index] >= EnoughRecall).ToList();
        if (complete.Count == 0)
            complete = [plans[recalls.IndexOf(recalls.Max())]];
        var times = await Interleaved.CallsAsync(
            TimeSpan.FromSeconds(complete.Count == 1 ? 0 : 1),
            [.. complete.Select(plan => (Func<int, Task>)(index => SearchAsync(plan, searched, set[index])))]);
        return _plans[searched] = complete.Zip(times).MinBy(pair => pair.Second.Median).First;
    }

    public void UsePlan(SearchCase searched, RawPlan plan) => _plans[searched] = plan;

    public async ValueTask DisposeAsync()
    {
        await _writing.DisposeAsync();
        foreach (var session in _sessions.Values)
            await session.DisposeAsync();
    }
}
