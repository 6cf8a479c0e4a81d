using System.Text.Json.Nodes;
using DuckDB.NET.Data;
using UnifiedMemory.SessionBuddy.Text;

namespace UnifiedMemory.SessionBuddy.Files;

/// <summary>
/// Session-Buddy's tables of patterns, groups and dependencies. Each statement can be repeated: a row has the id of what it
/// shows. Tables that are not there are made as Session-Buddy makes them, which it does only if they are not there.
/// </summary>
internal static class ProjectTables
{
    public const string Patterns = "intelligence_cross_project_patterns";

    /// <summary>What the id of a group begins with that was written here.</summary>
    public const string GroupIdPrefix = "unifiedmemory:";

    private const string CreateSql =
        """
        CREATE TABLE IF NOT EXISTS intelligence_cross_project_patterns (
            id TEXT PRIMARY KEY, pattern_type TEXT NOT NULL, project_id TEXT, context_snapshot JSON NOT NULL, solution_snapshot JSON NOT NULL,
            outcome_score FLOAT NOT NULL, created_at TIMESTAMP NOT NULL, last_applied TIMESTAMP,
            application_count INTEGER NOT NULL DEFAULT 0, tags JSON NOT NULL DEFAULT '[]');
        CREATE TABLE IF NOT EXISTS project_groups (
            id VARCHAR PRIMARY KEY, name VARCHAR NOT NULL, description TEXT, projects VARCHAR[] NOT NULL, created_at TIMESTAMP DEFAULT NOW(),
            metadata JSON);
        CREATE TABLE IF NOT EXISTS project_dependencies (
            id VARCHAR PRIMARY KEY, source_project VARCHAR NOT NULL, target_project VARCHAR NOT NULL, dependency_type VARCHAR NOT NULL,
            description TEXT, created_at TIMESTAMP DEFAULT NOW(), metadata JSON,
            UNIQUE(source_project, target_project, dependency_type));
        """;

    private const string PatternSql =
        """
        INSERT INTO intelligence_cross_project_patterns (id, pattern_type, project_id, context_snapshot, solution_snapshot, outcome_score,
            created_at, last_applied, application_count, tags)
        VALUES ($id, $pattern_type, $project_id, $context, $solution, $outcome_score, $created_at, $last_applied, $application_count, $tags)
        ON CONFLICT (id) DO UPDATE SET outcome_score = EXCLUDED.outcome_score, last_applied = EXCLUDED.last_applied,
            application_count = EXCLUDED.application_count, tags = EXCLUDED.tags
        """;

    private const string DependencySql =
        """
        INSERT INTO project_dependencies (id, source_project, target_project, dependency_type, description, created_at, metadata)
        VALUES ($id, $source, $target, $type, $description, $created_at, $metadata)
        ON CONFLICT DO NOTHING
        """;

    private const string GroupSql =
        """
        INSERT INTO project_groups (id, name, description, projects, created_at, metadata)
        VALUES ($id, $name, 'Projects with dependencies in a UnifiedMemory store', $projects, $now, '{"source":"UnifiedMemory"}')
        ON CONFLICT (id) DO UPDATE SET projects = list_sort(list_distinct(list_concat(project_groups.projects, EXCLUDED.projects)))
        """;

    public static void Create(DuckDBConnection connection)
    {
        using var command = DuckDbFile.CommandOf(connection, CreateSql);
        command.ExecuteNonQuery();
    }

    public static void Write(DuckDBConnection connection, ProjectPattern pattern) => Execute(
        connection,
        PatternSql,
        ("id", Ulid.From(pattern.Id)),
        ("pattern_type", pattern.PatternType),
        ("project_id", pattern.ProjectId),
        ("context", pattern.Context.ToJsonString()),
        ("solution", pattern.Solution.ToJsonString()),
        ("outcome_score", (float)pattern.OutcomeScore),
        ("created_at", pattern.CreatedAt?.UtcDateTime),
        ("last_applied", pattern.LastApplied?.UtcDateTime),
        ("application_count", pattern.ApplicationCount),
        ("tags", new JsonArray([.. pattern.Tags.Select(tag => (JsonNode)tag)]).ToJsonString()));

    public static void Write(DuckDBConnection connection, ProjectDependency dependency) => Execute(
        connection,
        DependencySql,
        ("id", Ulid.From(dependency.Id)),
        ("source", dependency.Source),
        ("target", dependency.Target),
        ("type", DependencyNames.Of(dependency.Type)),
        ("description", dependency.Description),
        ("created_at", dependency.CreatedAt?.UtcDateTime),
        ("metadata", dependency.Metadata?.ToJsonString()));

    /// <summary>One group for a namespace: all projects that its dependencies name, and those that another store with such a namespace has written.</summary>
    public static void WriteGroup(DuckDBConnection connection, string @namespace, IEnumerable<string> projects, DateTimeOffset now) => Execute(
        connection,
        GroupSql,
        ("id", GroupIdPrefix + @namespace),
        ("name", @namespace),
        ("projects", projects.Order(StringComparer.Ordinal).ToList()),
        ("now", now.UtcDateTime));

    private static void Execute(DuckDBConnection connection, string sql, params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        using var command = DuckDbFile.CommandOf(connection, sql, parameters);
        command.ExecuteNonQuery();
    }
}
