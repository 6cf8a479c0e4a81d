using Dapper;
using NpgsqlTypes;
using UnifiedMemory.Input;

namespace UnifiedMemory.Postgres;

/// <summary>The only class that speaks SQL for patterns.</summary>
internal sealed class PatternTable(Database database, StoreSchema schema)
{
    // jsonb has one text for equal documents, whatever the order of their keys was.
    private const string Identity =
        "sha256(convert_to(jsonb_build_array(@pattern_type, @project_id, @context, @solution)::text, 'UTF8'))";

    private readonly string _store =
        $"""
        INSERT INTO {schema.Patterns} AS stored (namespace, id, identity_hash, pattern_type, project_id, context, solution,
            outcome_score, application_count, last_applied, tags, created_at)
        VALUES (@namespace, @id, {Identity}, @pattern_type, @project_id, @context, @solution,
            @outcome_score, @application_count, @last_applied, @tags, @created_at)
        ON CONFLICT (namespace, identity_hash) DO UPDATE SET
            outcome_score = EXCLUDED.outcome_score, application_count = EXCLUDED.application_count,
            last_applied = EXCLUDED.last_applied, tags = EXCLUDED.tags
        WHERE stored.application_count < EXCLUDED.application_count;
        SELECT id FROM {schema.Patterns} WHERE namespace = @namespace AND identity_hash = {Identity}
        """;

    private readonly string _exists =
        $"""
        SELECT EXISTS (SELECT FROM {schema.Patterns} WHERE namespace = @namespace AND identity_hash = {Identity});
        """;

    private readonly string _page =
        $"""
        SELECT id AS "Id", namespace AS "Namespace", pattern_type AS "PatternType", project_id AS "ProjectId", context::text AS "Context",
               solution::text AS "Solution", outcome_score AS "OutcomeScore", application_count AS "ApplicationCount",
               last_applied AS "LastApplied", tags AS "Tags", created_at AS "CreatedAt"
        FROM {schema.Patterns}
        WHERE (namespace, id) > (@after_namespace, @after_id)
            AND (@namespace = '*' OR namespace = @namespace)
            AND (@pattern_type IS NULL OR pattern_type = @pattern_type)
            AND (@project_id IS NULL OR project_id = @project_id)
            AND tags @> @tags AND outcome_score >= @minimum_score
        ORDER BY namespace, id LIMIT @page_size
        """;

    public Task<Guid> StoreAsync(ProjectPattern pattern, Guid id, DateTimeOffset createdAt, CancellationToken cancellationToken) =>
        database.RunAsync("store_pattern", (connection, token) => connection.ExecuteScalarAsync<Guid>(
            new CommandDefinition(_store, RowOf(pattern, id, createdAt), cancellationToken: token)), cancellationToken);

    /// <summary>The same where the id may be that of the stored one, and so does not tell whether it is new.</summary>
    /// <returns>Whether it is new.</returns>
    public Task<bool> ImportAsync(ProjectPattern pattern, Guid id, DateTimeOffset createdAt, CancellationToken cancellationToken) =>
        database.RunAsync("import_pattern", async (connection, token) => !await connection.ExecuteScalarAsync<bool>(
            new CommandDefinition(_exists + _store, RowOf(pattern, id, createdAt), cancellationToken: token)).ConfigureAwait(false), cancellationToken);

    private static SqlParameters RowOf(ProjectPattern pattern, Guid id, DateTimeOffset createdAt) =>
        new SqlParameters()
            .Add("namespace", NpgsqlDbType.Text, pattern.Namespace)
            .Add("id", NpgsqlDbType.Uuid, id)
            .Add("pattern_type", NpgsqlDbType.Text, pattern.PatternType)
            .Add("project_id", NpgsqlDbType.Text, pattern.ProjectId)
            .Add("context", NpgsqlDbType.Jsonb, MetadataJson.Serialize(pattern.Context, nameof(pattern.Context)))
            .Add("solution", NpgsqlDbType.Jsonb, MetadataJson.Serialize(pattern.Solution, nameof(pattern.Solution)))
            .Add("outcome_score", NpgsqlDbType.Double, pattern.OutcomeScore)
            .Add("application_count", NpgsqlDbType.Integer, pattern.ApplicationCount)
            .Add("last_applied", NpgsqlDbType.TimestampTz, pattern.LastApplied?.UtcDateTime)
            .Add("tags", NpgsqlDbType.Array | NpgsqlDbType.Text, TextRules.RequireTags(pattern.Tags, nameof(pattern.Tags)))
            .Add("created_at", NpgsqlDbType.TimestampTz, createdAt.UtcDateTime);

    /// <summary>The next page in the order of the primary key, after the given pattern.</summary>
    public Task<List<ProjectPattern>> ListPageAsync(
        PatternFilter filter, ProjectPattern? after, int pageSize, CancellationToken cancellationToken) =>
        database.RunAsync("list_patterns", async (connection, token) =>
        {
            var parameters = new SqlParameters()
                .Add("after_namespace", NpgsqlDbType.Text, after?.Namespace ?? "")
                .Add("after_id", NpgsqlDbType.Uuid, after?.Id ?? Guid.Empty)
                .Add("namespace", NpgsqlDbType.Text, filter.Namespace)
                .Add("pattern_type", NpgsqlDbType.Text, filter.PatternType)
                .Add("project_id", NpgsqlDbType.Text, filter.ProjectId)
                .Add("tags", NpgsqlDbType.Array | NpgsqlDbType.Text, filter.Tags.ToArray())
                .Add("minimum_score", NpgsqlDbType.Double, filter.MinimumScore)
                .Add("page_size", NpgsqlDbType.Integer, pageSize);
            var rows = await connection.QueryAsync<PatternRow>(
                new CommandDefinition(_page, parameters, cancellationToken: token)).ConfigureAwait(false);
            return rows.Select(row => row.ToPattern()).ToList();
        }, cancellationToken);

    private sealed record PatternRow
    {
        public Guid Id { get; init; }

        public string Namespace { get; init; } = "";

        public string PatternType { get; init; } = "";

        public string? ProjectId { get; init; }

        public string Context { get; init; } = "";

        public string Solution { get; init; } = "";

        public double OutcomeScore { get; init; }

        public int ApplicationCount { get; init; }

        public DateTime? LastApplied { get; init; }

        public string[] Tags { get; init; } = [];

        public DateTime CreatedAt { get; init; }

        public ProjectPattern ToPattern() => new(PatternType, ProjectId, MetadataJson.Parse(Context), MetadataJson.Parse(Solution), OutcomeScore)
        {
            Id = Id,
            Namespace = Namespace,
            Tags = Tags,
            ApplicationCount = ApplicationCount,
            LastApplied = LastApplied is { } time ? (DateTimeOffset)time : null,
            CreatedAt = CreatedAt,
        };
    }
}
