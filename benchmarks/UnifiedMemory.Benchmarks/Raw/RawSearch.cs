using System.Text.Json.Nodes;
using Npgsql;
using NpgsqlTypes;
using Pgvector;

namespace UnifiedMemory.Benchmarks.Raw;

/// <summary>A search written by hand for speed: one batch, numbered and typed parameters, columns by position.</summary>
internal sealed class RawSearch(NpgsqlDataSource dataSource, IReadOnlyList<RawStatement> statements)
{
    private static readonly string[] ColumnNames =
    [
        "Id", "Namespace", "Type", "Kind", "Content", "Metadata", "Tags", "SourceSystem", "AgentId", "SessionId", "WorkflowId",
        "Importance", "CreatedAt", "UpdatedAt", "ExpiresAt", "Distance",
    ];

    private int[]? _columns;

    public async Task<List<MemoryMatch>> SearchAsync(MemoryQuery query, float[] vector)
    {
        await using var connection = await dataSource.OpenConnectionAsync();
        await using var batch = new NpgsqlBatch(connection);
        foreach (var statement in statements)
        {
            var command = new NpgsqlBatchCommand(statement.Sql);
            foreach (var name in statement.Parameters)
                command.Parameters.Add(Parameter(name, query, vector));
            batch.BatchCommands.Add(command);
        }

        await using var reader = await batch.ExecuteReaderAsync();
        var matches = new List<MemoryMatch>(query.Limit);
        var columns = _columns ??= ColumnsOf(reader);
        while (await reader.ReadAsync())
            matches.Add(Read(reader, columns));
        return matches;
    }

    private static NpgsqlParameter Parameter(string name, MemoryQuery query, float[] vector) => name switch
    {
        "namespace" => Text(query.Namespace),
        "types" => Texts(query.Types.Count == 0 ? null : [.. query.Types.Select(type => RawTypes.NameOf(type))]),
        "kind" => Text(query.Kind),
        "agent" => Text(query.AgentId),
        "session" => Text(query.SessionId),
        "workflow" => Text(query.WorkflowId),
        "source" => Text(query.SourceSystem),
        "tags" => Texts(query.Tags.Count == 0 ? null : [.. query.Tags]),
        "created_from" => Time(query.CreatedFrom),
        "created_before" => Time(query.CreatedBefore),
        "query" => new NpgsqlParameter<Vector> { TypedValue = new Vector(vector), DataTypeName = "vector" },
        "limit" => new NpgsqlParameter<int> { TypedValue = query.Limit, NpgsqlDbType = NpgsqlDbType.Integer },
        "max_distance" => query.MinimumSimilarity is { } similarity
            ? new NpgsqlParameter<double> { TypedValue = 1 - similarity, NpgsqlDbType = NpgsqlDbType.Double }
            : new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = NpgsqlDbType.Double },
        _ => throw new InvalidOperationException($"The library's search has a parameter '{name}' that {nameof(RawSearch)} does not know. Add it."),
    };

    private static NpgsqlParameter Text(string? value) => value is null
        ? new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text }
        : new NpgsqlParameter<string> { TypedValue = value, NpgsqlDbType = NpgsqlDbType.Text };

    private static NpgsqlParameter Texts(string[]? value) => value is null
        ? new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text }
        : new NpgsqlParameter<string[]> { TypedValue = value, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };

    private static NpgsqlParameter Time(DateTimeOffset? value) => value is null
        ? new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz }
        : new NpgsqlParameter<DateTime> { TypedValue = value.Value.UtcDateTime, NpgsqlDbType = NpgsqlDbType.TimestampTz };

    /// <summary>Looked up once, by the names that the library gives its columns.</summary>
    private static int[] ColumnsOf(NpgsqlDataReader reader) => [.. ColumnNames.Select(reader.GetOrdinal)];

    private static MemoryMatch Read(NpgsqlDataReader reader, int[] at)
    {
        var similarity = 1 - reader.GetDouble(at[15]);
        return new MemoryMatch(new MemoryRecord
        {
            Id = reader.GetGuid(at[0]),
            Namespace = reader.GetString(at[1]),
            Type = RawTypes.Parse(reader.GetString(at[2])),
            Kind = TextAt(3),
            Content = reader.GetString(at[4]),
            Metadata = (JsonObject)JsonNode.Parse(reader.GetString(at[5]))!,
            Tags = reader.GetFieldValue<string[]>(at[6]),
            SourceSystem = TextAt(7),
            AgentId = TextAt(8),
            SessionId = TextAt(9),
            WorkflowId = TextAt(10),
            Importance = reader.GetFloat(at[11]),
            CreatedAt = reader.GetDateTime(at[12]),
            UpdatedAt = reader.GetDateTime(at[13]),
            ExpiresAt = reader.IsDBNull(at[14]) ? null : reader.GetDateTime(at[14]),
        }, similarity, similarity);

        string? TextAt(int column) => reader.IsDBNull(at[column]) ? null : reader.GetString(at[column]);
    }
}
