using Dapper;
using NpgsqlTypes;
using UnifiedMemory.Input;

namespace UnifiedMemory.Postgres;

/// <summary>The only class that speaks SQL for dependencies between projects.</summary>
internal sealed class DependencyTable(Database database, StoreSchema schema)
{
    private readonly string _add =
        $"""
        INSERT INTO {schema.ProjectDependencies} (namespace, id, source, target, dependency_type, description, metadata, created_at)
        VALUES (@namespace, @id, @source, @target, @type, @description, @metadata, @created_at)
        ON CONFLICT (namespace, source, target, dependency_type) DO NOTHING;
        SELECT id FROM {schema.ProjectDependencies}
        WHERE namespace = @namespace AND source = @source AND target = @target AND dependency_type = @type
        """;

    private readonly string _exists =
        $"""
        SELECT EXISTS (SELECT FROM {schema.ProjectDependencies}
            WHERE namespace = @namespace AND source = @source AND target = @target AND dependency_type = @type);
        """;

    private readonly string _remove =
        $"""
        DELETE FROM {schema.ProjectDependencies}
        WHERE namespace = @namespace AND source = @source AND target = @target AND dependency_type = @type
        """;

    private readonly string _page =
        $"""
        SELECT id AS "Id", namespace AS "Namespace", source AS "Source", target AS "Target", dependency_type AS "Type",
               description AS "Description", metadata::text AS "Metadata", created_at AS "CreatedAt"
        FROM {schema.ProjectDependencies}
        WHERE (namespace, source, target, dependency_type) > (@after_namespace, @after_source, @after_target, @after_type)
            AND (@namespace = '*' OR namespace = @namespace)
            AND (@source IS NULL OR source = @source)
            AND (@target IS NULL OR target = @target)
            AND (@type IS NULL OR dependency_type = @type)
        ORDER BY namespace, source, target, dependency_type LIMIT @page_size
        """;

    public Task<Guid> AddAsync(ProjectDependency dependency, Guid id, DateTimeOffset createdAt, CancellationToken cancellationToken) =>
        database.RunAsync("add_dependency", (connection, token) => connection.ExecuteScalarAsync<Guid>(
            new CommandDefinition(_add, RowOf(dependency, id, createdAt), cancellationToken: token)), cancellationToken);

    /// <summary>The same where the id may be that of the stored one, and so does not tell whether it is new.</summary>
    /// <returns>Whether it is new.</returns>
    public Task<bool> ImportAsync(ProjectDependency dependency, Guid id, DateTimeOffset createdAt, CancellationToken cancellationToken) =>
        database.RunAsync("import_dependency", async (connection, token) => !await connection.ExecuteScalarAsync<bool>(
            new CommandDefinition(_exists + _add, RowOf(dependency, id, createdAt), cancellationToken: token)).ConfigureAwait(false), cancellationToken);

    private static SqlParameters RowOf(ProjectDependency dependency, Guid id, DateTimeOffset createdAt)
    {
        var metadata = dependency.Metadata is null ? "{}" : MetadataJson.Serialize(dependency.Metadata, nameof(dependency.Metadata));
        return KeyOf(dependency)
            .Add("id", NpgsqlDbType.Uuid, id)
            .Add("description", NpgsqlDbType.Text, dependency.Description)
            .Add("metadata", NpgsqlDbType.Jsonb, metadata)
            .Add("created_at", NpgsqlDbType.TimestampTz, createdAt.UtcDateTime);
    }

    public Task RemoveAsync(ProjectDependency dependency, CancellationToken cancellationToken) =>
        database.RunAsync("remove_dependency", (connection, token) => connection.ExecuteAsync(
            new CommandDefinition(_remove, KeyOf(dependency), cancellationToken: token)), cancellationToken);

    /// <summary>The next page in the order of the primary key, after the given dependency.</summary>
    public Task<List<ProjectDependency>> ListPageAsync(
        DependencyFilter filter, ProjectDependency? after, int pageSize, CancellationToken cancellationToken) =>
        database.RunAsync("list_dependencies", async (connection, token) =>
        {
            var parameters = new SqlParameters()
                .Add("after_namespace", NpgsqlDbType.Text, after?.Namespace ?? "")
                .Add("after_source", NpgsqlDbType.Text, after?.Source ?? "")
                .Add("after_target", NpgsqlDbType.Text, after?.Target ?? "")
                .Add("after_type", NpgsqlDbType.Text, after is null ? "" : DependencyTypeNames.NameOf(after.Type))
                .Add("namespace", NpgsqlDbType.Text, filter.Namespace)
                .Add("source", NpgsqlDbType.Text, filter.Source)
                .Add("target", NpgsqlDbType.Text, filter.Target)
                .Add("type", NpgsqlDbType.Text, filter.Type is { } type ? DependencyTypeNames.NameOf(type) : null)
                .Add("page_size", NpgsqlDbType.Integer, pageSize);
            var rows = await connection.QueryAsync<DependencyRow>(
                new CommandDefinition(_page, parameters, cancellationToken: token)).ConfigureAwait(false);
            return rows.Select(row => row.ToDependency()).ToList();
        }, cancellationToken);

    private static SqlParameters KeyOf(ProjectDependency dependency) => new SqlParameters()
        .Add("namespace", NpgsqlDbType.Text, dependency.Namespace)
        .Add("source", NpgsqlDbType.Text, dependency.Source)
        .Add("target", NpgsqlDbType.Text, dependency.Target)
        .Add("type", NpgsqlDbType.Text, DependencyTypeNames.NameOf(dependency.Type));

    private sealed record DependencyRow
    {
        public Guid Id { get; init; }

        public string Namespace { get; init; } = "";

        public string Source { get; init; } = "";

        public string Target { get; init; } = "";

        public string Type { get; init; } = "";

        public string? Description { get; init; }

        public string Metadata { get; init; } = "";

        public DateTime CreatedAt { get; init; }

        public ProjectDependency ToDependency() => new(Source, Target, DependencyTypeNames.Parse(Type))
        {
            Id = Id,
            Namespace = Namespace,
            Description = Description,
            Metadata = MetadataJson.Parse(Metadata),
            CreatedAt = CreatedAt,
        };
    }
}
