using System.Globalization;
using NpgsqlTypes;

namespace UnifiedMemory.Postgres;

/// <summary>The conditions of a <see cref="MemoryFilter"/>: only those that are set, so that each combination is planned as if written by hand.</summary>
/// <param name="Indexed">What the table's ordinary indexes can answer.</param>
/// <param name="Others">What is looked at row by row.</param>
internal readonly record struct FilterSql(string Indexed, string Others)
{
    /// <summary>Expiry hides at once, by the server's clock; purging comes later.</summary>
    public const string Visible = "(expires_at IS NULL OR expires_at > now())";

    public override string ToString() => $"{Indexed} AND {Others}";

    public static FilterSql From(MemoryFilter filter, SqlParameters parameters)
    {
        var indexed = new List<string>();
        var others = new List<string> { Visible };
        if (filter.Namespace != MemoryFilter.AllNamespaces)
            Equal(indexed, "namespace", filter.Namespace);
        if (filter.Types.Distinct().ToArray() is { Length: > 0 } types)
            Compare(indexed, "memory_type = ANY (", "@types)", NpgsqlDbType.Array | NpgsqlDbType.Text, types.Select(MemoryTypeNames.NameOf).ToArray());
        Equal(indexed, "agent_id", filter.AgentId);
        Equal(indexed, "session_id", filter.SessionId);
        Equal(indexed, "workflow_id", filter.WorkflowId);
        if (filter.Tags.Count > 0)
            Compare(indexed, "tags @> ", "@tags", NpgsqlDbType.Array | NpgsqlDbType.Text, filter.Tags.ToArray());
        Equal(others, "kind", filter.Kind);
        Equal(others, "source_system", filter.SourceSystem);
        if (filter.CreatedFrom is { } from)
            Compare(indexed, "created_at >= ", "@created_from", NpgsqlDbType.TimestampTz, from.UtcDateTime);
        if (filter.CreatedBefore is { } before)
            Compare(indexed, "created_at < ", "@created_before", NpgsqlDbType.TimestampTz, before.UtcDateTime);
        if (filter.Metadata is { } metadata)
            (metadata.IsIndexed ? indexed : others).Add(metadata.ToSql(parameters));
        return new FilterSql(indexed.Count == 0 ? "true" : string.Join(" AND ", indexed), string.Join(" AND ", others));

        void Equal(List<string> conditions, string column, string? value)
        {
            if (value is not null)
                Compare(conditions, column + " = ", "@" + column, NpgsqlDbType.Text, value);
        }

        void Compare(List<string> conditions, string left, string right, NpgsqlDbType type, object value)
        {
            parameters.Add(right.Trim('@', ')'), type, value);
            conditions.Add(left + right);
        }
    }

    /// <summary>Equal for filters that mean the same memories, but that times count to the hour: "the last 90 days" is one scope.</summary>
    public static string KeyOf(MemoryFilter filter)
    {
        var parameters = new SqlParameters();
        if (filter.CreatedFrom is not null || filter.CreatedBefore is not null)
            filter = filter with { CreatedFrom = Hour(filter.CreatedFrom), CreatedBefore = Hour(filter.CreatedBefore) };
        var sql = From(filter, parameters);
        return string.Join('\n', parameters.Values.Select(Text).Prepend(sql.ToString()));

        static DateTimeOffset? Hour(DateTimeOffset? time) =>
            time is { } value ? new DateTimeOffset(value.UtcTicks - (value.UtcTicks % TimeSpan.TicksPerHour), TimeSpan.Zero) : null;

        static string Text(object? value) =>
            value is string[] texts ? string.Join('\r', texts) : Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
    }
}
