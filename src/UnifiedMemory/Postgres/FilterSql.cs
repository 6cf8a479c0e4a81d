using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using NpgsqlTypes;

namespace UnifiedMemory.Postgres;

/// <summary>The conditions of a <see cref="MemoryFilter"/>: only those that are set, so that each combination is planned as if written by hand.</summary>
/// <param name="Indexed">What the table's ordinary indexes can answer.</param>
/// <param name="Others">What is looked at row by row.</param>
internal readonly record struct FilterSql(string Indexed, string Others)
{
    /// <summary>A thousand keys are kept, and a condition may hold megabytes.</summary>
    private const int LongestKey = 1_024;

    /// <summary>Expiry hides at once, by the server's clock; purging comes later.</summary>
    public const string Visible = "(expires_at IS NULL OR expires_at > now())";

    public override string ToString() => $"{Indexed} AND {Others}";

    public static FilterSql From(MemoryFilter filter, SqlParameters parameters)
    {
        var indexed = new List<string>();
        var others = new List<string> { Visible };
        if (filter.Namespace != MemoryFilter.AllNamespaces)
            Equal(indexed, "namespace", filter.Namespace);
        if (filter.Types.Count > 0)
        {
            var types = filter.Types.Distinct().Select(MemoryTypeNames.NameOf).ToArray();
            indexed.Add($"memory_type = ANY ({parameters.AddNext(NpgsqlDbType.Array | NpgsqlDbType.Text, types)})");
        }

        Equal(indexed, "agent_id", filter.AgentId);
        Equal(indexed, "session_id", filter.SessionId);
        Equal(indexed, "workflow_id", filter.WorkflowId);
        if (filter.Tags.Count > 0)
            indexed.Add($"tags @> {parameters.AddNext(NpgsqlDbType.Array | NpgsqlDbType.Text, filter.Tags.ToArray())}");
        Equal(others, "kind", filter.Kind);
        Equal(others, "source_system", filter.SourceSystem);
        if (filter.CreatedFrom is { } from)
            indexed.Add($"created_at >= {parameters.AddNext(NpgsqlDbType.TimestampTz, from.UtcDateTime)}");
        if (filter.CreatedBefore is { } before)
            indexed.Add($"created_at < {parameters.AddNext(NpgsqlDbType.TimestampTz, before.UtcDateTime)}");
        if (filter.Metadata is { } metadata)
            (metadata.IsIndexed ? indexed : others).Add(metadata.ToSql(parameters));
        return new FilterSql(indexed.Count == 0 ? "true" : string.Join(" AND ", indexed), string.Join(" AND ", others));

        void Equal(List<string> conditions, string column, string? value)
        {
            if (value is not null)
                conditions.Add($"{column} = {parameters.AddNext(NpgsqlDbType.Text, value)}");
        }
    }

    /// <summary>
    /// Filters with equal keys mean the same memories, but that times count to the minute: "the last 90 days" is one scope. Made for every
    /// search. No value holds U+0000.
    /// </summary>
    public static string KeyOf(MemoryFilter filter)
    {
        var key = Written(filter);
        return key.Length <= LongestKey ? key : Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(key)));
    }

    private static string Written(MemoryFilter filter)
    {
        var key = string.Create(
            CultureInfo.InvariantCulture,
            $"{filter.Namespace}\0{List(filter.Types)}\0{filter.Kind}\0{filter.AgentId}\0{filter.SessionId}\0{filter.WorkflowId}\0{filter.SourceSystem}\0"
            + $"{List(filter.Tags)}\0{Minute(filter.CreatedFrom)}\0{Minute(filter.CreatedBefore)}\0");
        if (filter.Metadata is not { } metadata)
            return key;
        var parameters = new SqlParameters();
        var condition = metadata.ToSql(parameters);
        return string.Join('\0', parameters.Values.Select(Text).Prepend(key + condition));

        static string List<T>(IReadOnlyCollection<T> values) => values.Count == 0 ? "" : string.Join('\0', values.Select(value => $"{value}").Prepend($"{values.Count}"));

        static long? Minute(DateTimeOffset? time) => time?.UtcTicks / TimeSpan.TicksPerMinute;

        static string Text(object? value) =>
            value is string[] texts ? List(texts) : Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
    }
}
