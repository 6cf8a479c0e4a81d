using Npgsql;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Sides;

/// <summary>
/// The words of a query by PostgreSQL's own ranking, as most would write it: every memory with one of the words, ordered by
/// <c>ts_rank_cd</c>. It knows nothing of how rare a word is.
/// </summary>
internal sealed class TextRankSide(string schema) : IAsyncDisposable
{
    private readonly NpgsqlDataSource _dataSource = RawSide.Connect(["jit=off", "max_parallel_workers_per_gather=0"]);

    private readonly string _search =
        $"""
        SELECT id, namespace, memory_type, kind, content, metadata, tags, source_system, agent_id, session_id, workflow_id,
               importance, created_at, updated_at, expires_at, ts_rank_cd(content_tsv, asked)::float8
        FROM {schema}.memories, to_tsquery('english', $1) AS asked
        WHERE content_tsv @@ asked AND namespace = $2 AND (expires_at IS NULL OR expires_at > now())
        ORDER BY ts_rank_cd(content_tsv, asked) DESC LIMIT {SearchCases.Limit}
        """;

    public async Task<IReadOnlyList<MemoryMatch>> SearchAsync(string words)
    {
        await using var connection = await _dataSource.OpenConnectionAsync();
        await using var command = new NpgsqlCommand(_search, connection)
        {
            Parameters =
            {
                new NpgsqlParameter<string> { TypedValue = words.Replace(" ", " | ", StringComparison.Ordinal) },
                new NpgsqlParameter<string> { TypedValue = MemoryFilter.DefaultNamespace },
            },
        };
        await using var reader = await command.ExecuteReaderAsync();
        var matches = new List<MemoryMatch>(SearchCases.Limit);
        while (await reader.ReadAsync())
            matches.Add(RawSide.Read(reader, reader.GetDouble(15)));
        return matches;
    }

    public ValueTask DisposeAsync() => _dataSource.DisposeAsync();
}
