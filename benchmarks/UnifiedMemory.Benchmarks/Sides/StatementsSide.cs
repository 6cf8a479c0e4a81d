using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;
using NpgsqlTypes;
using Pgvector;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Sides;

/// <summary>
/// Raw Npgsql with the very statements that the library sends for a search without a filter, taken from its trace: what is left of the
/// difference is the library itself.
/// </summary>
internal sealed partial class StatementsSide : IAsyncDisposable
{
    private readonly NpgsqlDataSource _dataSource = RawSide.Connect([]);
    private readonly string _settings;
    private readonly string _select;

    private StatementsSide(string settings, string select, int effort) => (_settings, _select, Effort) = (settings, select, effort);

    /// <summary>The <c>hnsw.ef_search</c> that the library sends.</summary>
    public int Effort { get; }

    /// <summary>Listens to one search of the library.</summary>
    public static async Task<StatementsSide> LikeAsync(LibrarySide library, SearchText text)
    {
        await library.SearchAsync(SearchCase.NoFilter, text);
        var statements = "";
        using (var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Npgsql",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity => statements = activity.GetTagItem("db.query.text") as string ?? statements,
        })
        {
            ActivitySource.AddActivityListener(listener);
            await library.SearchAsync(SearchCase.NoFilter, text);
        }

        return statements.Split(";" + Environment.NewLine) is [var settings, var select] && EffortOf().Match(settings) is { Success: true } effort
            ? new StatementsSide(settings, select, int.Parse(effort.Groups[1].Value, CultureInfo.InvariantCulture))
            : throw new InvalidOperationException($"The library's search through its index was not in the trace, but '{statements}'.");
    }

    public async Task<IReadOnlyList<MemoryMatch>> SearchAsync(SearchText text)
    {
        await using var connection = await _dataSource.OpenConnectionAsync();
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(new NpgsqlBatchCommand(_settings));
        var search = new NpgsqlBatchCommand(_select);
        search.Parameters.Add(new NpgsqlParameter<Vector> { TypedValue = new Vector(text.Vector), DataTypeName = "vector" });
        search.Parameters.Add(new NpgsqlParameter<int> { TypedValue = SearchCases.Limit, NpgsqlDbType = NpgsqlDbType.Integer });
        search.Parameters.Add(new NpgsqlParameter<string> { TypedValue = SearchCases.NamespaceOf(SearchCase.NoFilter), NpgsqlDbType = NpgsqlDbType.Text });
        batch.BatchCommands.Add(search);
        await using var reader = await batch.ExecuteReaderAsync();
        await reader.NextResultAsync();
        var matches = new List<MemoryMatch>(SearchCases.Limit);
        while (await reader.ReadAsync())
            matches.Add(RawSide.Read(reader, reader.GetDouble(15)));
        return matches;
    }

    public ValueTask DisposeAsync() => _dataSource.DisposeAsync();

    [GeneratedRegex(@"'hnsw\.ef_search', '(\d+)'")]
    private static partial Regex EffortOf();
}
