using Npgsql;
using NpgsqlTypes;
using Pgvector;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Sides;

internal sealed partial class RawSide
{
    private readonly Dictionary<SearchCase, string> _searches = SearchCases.All.ToDictionary(searched => searched, searched =>
        $"""
        SELECT id, namespace, memory_type, kind, content, metadata, tags, source_system, agent_id, session_id, workflow_id,
               importance, created_at, updated_at, expires_at, embedding <=> $1
        FROM {schema}.memories WHERE {Conditions(searched)} ORDER BY embedding <=> $1 LIMIT {SearchCases.Limit}
        """);

    public Task<IReadOnlyList<MemoryMatch>> SearchAsync(SearchCase searched, SearchText text) => SearchAsync(_plans[searched], searched, text);

    /// <summary><c>$1</c> is the vector. The type is written out, since a partial index serves only a condition like its own.</summary>
    public static string Conditions(SearchCase searched)
    {
        const string visible = "namespace = $2 AND (expires_at IS NULL OR expires_at > now())";
        const string range = "(metadata ->> 'score')::float8 >= $3 AND (metadata ->> 'score')::float8 < $4";
        var type = $"memory_type = '{TypeNames.NameOf(MemorySet.SmallType)}'";
        return searched switch
        {
            SearchCase.Type => $"{visible} AND {type}",
            SearchCase.Tag => $"{visible} AND tags @> $3",
            SearchCase.Range => $"{visible} AND {range}",
            SearchCase.TypeAndRange => $"{visible} AND {type} AND {range}",
            _ => visible,
        };
    }

    /// <summary>In their order.</summary>
    public static IEnumerable<NpgsqlParameter> Parameters(SearchCase searched, SearchText text)
    {
        yield return new NpgsqlParameter<Vector> { TypedValue = new Vector(text.Vector), DataTypeName = "vector" };
        yield return new NpgsqlParameter<string> { TypedValue = SearchCases.NamespaceOf(searched), NpgsqlDbType = NpgsqlDbType.Text };
        if (searched == SearchCase.Tag)
            yield return new NpgsqlParameter<string[]> { TypedValue = [MemorySet.SmallTag], NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };
        if (searched is not (SearchCase.Range or SearchCase.TypeAndRange))
            yield break;
        yield return new NpgsqlParameter<double> { TypedValue = MemorySet.RangeFrom, NpgsqlDbType = NpgsqlDbType.Double };
        yield return new NpgsqlParameter<double> { TypedValue = MemorySet.RangeTo, NpgsqlDbType = NpgsqlDbType.Double };
    }

    private async Task<IReadOnlyList<MemoryMatch>> SearchAsync(RawPlan plan, SearchCase searched, SearchText text)
    {
        await using var connection = await SessionsOf(plan).OpenConnectionAsync();
        await using var command = new NpgsqlCommand(_searches[searched], connection);
        foreach (var parameter in Parameters(searched, text))
            command.Parameters.Add(parameter);
        await using var reader = await command.ExecuteReaderAsync();
        var matches = new List<MemoryMatch>(SearchCases.Limit);
        while (await reader.ReadAsync())
            matches.Add(Read(reader, 1 - reader.GetDouble(15)));
        return matches;
    }

    private NpgsqlDataSource SessionsOf(RawPlan plan)
    {
        lock (_sessions)
            return _sessions.TryGetValue(plan, out var sessions) ? sessions : _sessions[plan] = Connect(plan.Settings, poolSize);
    }

    /// <summary>A row of the columns that both the library and raw Npgsql select first.</summary>
    public static MemoryMatch Read(NpgsqlDataReader reader, double similarity)
    {
        return new MemoryMatch(new MemoryRecord
        {
            Id = reader.GetGuid(0),
            Namespace = reader.GetString(1),
            Type = TypeNames.Parse(reader.GetString(2)),
            Kind = TextAt(3),
            Content = reader.GetString(4),
            MetadataText = reader.GetString(5),
            Tags = reader.GetFieldValue<string[]>(6),
            SourceSystem = TextAt(7),
            AgentId = TextAt(8),
            SessionId = TextAt(9),
            WorkflowId = TextAt(10),
            Importance = reader.GetFloat(11),
            CreatedAt = reader.GetDateTime(12),
            UpdatedAt = reader.GetDateTime(13),
            ExpiresAt = reader.IsDBNull(14) ? null : reader.GetDateTime(14),
        }, similarity, similarity)
        {
            Explanation = new MatchExplanation { Vector = similarity },
        };

        string? TextAt(int column) => reader.IsDBNull(column) ? null : reader.GetString(column);
    }
}
