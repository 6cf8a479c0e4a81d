using UnifiedMemory.SessionBuddy.Text;

namespace UnifiedMemory.SessionBuddy.Files;

/// <summary>How a file keeps reflections and insights: the table that takes an insight, the statement that adds it, and where else it may be.</summary>
internal sealed record ReflectionLayout(string Table, string InsertSql)
{
    private const string CurrentTable = "reflections_v2";

    private static readonly string[] CurrentColumns =
    [
        "id", "content", "category", "importance_score", "memory_tier", "tags", "timestamp", "project", "namespace", "created_at", "updated_at",
        "insight_type", "confidence_score", "metadata",
    ];

    private static readonly string[] FormerColumns =
        ["id", "content", "tags", "metadata", "created_at", "updated_at", "insight_type", "confidence_score"];

    // The embedding stays NULL: the column takes 384 numbers of Session-Buddy's own model. The columns that are not named have
    // defaults.
    private static readonly ReflectionLayout Current = new(
        CurrentTable,
        $"""
        INSERT INTO {CurrentTable} (id, content, category, importance_score, memory_tier, tags, timestamp, project, namespace,
            created_at, updated_at, insight_type, confidence_score, metadata)
        VALUES ($id, $content, 'context', $confidence, 'long_term', $tags, $created_at, $project, 'default',
            $created_at, $now, $insight_type, $confidence, $metadata)
        """);

    /// <summary>Until June 2026.</summary>
    private static ReflectionLayout Former(string table) => new(
        table,
        $"""
        INSERT INTO {DuckDbFile.Quote(table)} (id, content, tags, metadata, created_at, updated_at, insight_type, confidence_score)
        VALUES ($id, $content, $tags, $metadata, $created_at, $now, $insight_type, $confidence)
        """);

    public bool HasProject => Table == CurrentTable;

    /// <summary>The tables that may hold what came before: each of Session-Buddy's versions writes into one of them.</summary>
    private IReadOnlyList<string> LookedInto { get; init; } = [Table];

    /// <summary>One part among several that came through the server is not the insight.</summary>
    public string FindSql =>
        $"""
        SELECT count(*) FROM ({string.Join(" UNION ALL ", LookedInto.Select(table => $"SELECT id, tags FROM {DuckDbFile.Quote(table)}"))})
        WHERE id = $id OR (list_contains(tags, $memory_id) AND len([tag FOR tag IN tags IF starts_with(tag, '{InsightTags.PartPrefix}')]) = 0)
        """;

    /// <summary>
    /// The layout of a file. A file may hold both tables: an early <c>reflections_v2</c> without insights was made beside the
    /// former table while that was still the one in use.
    /// </summary>
    /// <exception cref="UnknownLayoutException">None is known.</exception>
    public static ReflectionLayout Of(IReadOnlyDictionary<string, IReadOnlySet<string>> tables, string collection)
    {
        string[] formerTables = [$"{collection}_reflections", "default_reflections"];
        IReadOnlyList<string> lookedInto = [.. formerTables.Prepend(CurrentTable).Distinct(StringComparer.Ordinal).Where(table => Has(table, ["id", "tags"]))];
        if (Has(CurrentTable, CurrentColumns))
            return Current with { LookedInto = lookedInto };
        if (formerTables.FirstOrDefault(table => Has(table, FormerColumns)) is { } former)
            return Former(former) with { LookedInto = lookedInto };
        throw new UnknownLayoutException(
            $"The file has neither {CurrentTable} nor {collection}_reflections nor default_reflections with the columns of an insight; nothing is written.");

        bool Has(string table, string[] columns) => tables.TryGetValue(table, out var there) && columns.All(there.Contains);
    }
}
