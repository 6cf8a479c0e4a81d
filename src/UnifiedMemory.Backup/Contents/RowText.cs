namespace UnifiedMemory.Backup.Contents;

/// <summary>SQL that writes rows as text, the same on every server.</summary>
internal static class RowText
{
    /// <summary>What the text of a value depends on.</summary>
    public const string Settings =
        """
        SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; SET LOCAL IntervalStyle = 'postgres';
        SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'; SET LOCAL statement_timeout = 0
        """;

    public static string Quote(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    public static string Table(string schema, string name) => $"{Quote(schema)}.{Quote(name)}";

    public static string Row(IEnumerable<string> columns) => $"ROW({string.Join(", ", columns.Select(Quote))})::text";

    /// <summary>The sampled rows that are there, by the parameter <c>@keys</c>.</summary>
    public static string Samples(RecordedTable table)
    {
        var key = table.Key.Count > 0 ? Row(table.Key) : Hash(table.Columns);
        return $"SELECT {key} AS key, {Hash(table.Columns)} AS hash FROM {Table(table.Schema, table.Name)} WHERE {key} = ANY(@keys)";
    }

    /// <summary>The values of <c>@keys</c>. A row without a key is known by its hash.</summary>
    public static string[] SampledKeys(RecordedTable table) => [.. table.Samples.Select(row => row.Key ?? row.Sha256)];

    public static string Hash(IEnumerable<string> columns) => $"encode(sha256(convert_to({Row(columns)}, 'UTF8')), 'hex')";
}
