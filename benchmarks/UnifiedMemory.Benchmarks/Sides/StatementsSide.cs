using System.Diagnostics;
using Npgsql;
using NpgsqlTypes;
using Pgvector;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Sides;

/// <summary>
/// Raw Npgsql with the very statements that the library sends for a search without a filter, taken from its trace: what is left of the
/// difference is the library itself.
/// </summary>
internal sealed class StatementsSide : IAsyncDisposable
{
    private readonly NpgsqlDataSource _dataSource = RawSide.Connect([]);
    private readonly IReadOnlyList<string> _statements;

    private StatementsSide(IReadOnlyList<string> statements) => _statements = statements;

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

        return statements.Contains("<=> $1", StringComparison.Ordinal)
            ? new StatementsSide(statements.Split(";" + Environment.NewLine))
            : throw new InvalidOperationException($"The library's search was not in the trace, but '{statements}'.");
    }

    public async Task<IReadOnlyList<MemoryMatch>> SearchAsync(SearchText text)
    {
        await using var connection = await _dataSource.OpenConnectionAsync();
        await using var batch = new NpgsqlBatch(connection);
        foreach (var statement in _statements)
            batch.BatchCommands.Add(new NpgsqlBatchCommand(statement));
        var search = batch.BatchCommands[^2];
        search.Parameters.Add(new NpgsqlParameter<Vector> { TypedValue = new Vector(text.Vector), DataTypeName = "vector" });
        search.Parameters.Add(new NpgsqlParameter<int> { TypedValue = SearchCases.Limit, NpgsqlDbType = NpgsqlDbType.Integer });
        search.Parameters.Add(new NpgsqlParameter<string> { TypedValue = SearchCases.NamespaceOf(SearchCase.NoFilter), NpgsqlDbType = NpgsqlDbType.Text });
        await using var reader = await batch.ExecuteReaderAsync();
        var matches = new List<MemoryMatch>(SearchCases.Limit);
        while (await reader.ReadAsync())
            matches.Add(RawSide.Read(reader, reader.GetDouble(15)));
        return matches;
    }

    public ValueTask DisposeAsync() => _dataSource.DisposeAsync();
}
