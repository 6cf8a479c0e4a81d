using System.Globalization;
using Dapper;
using Npgsql;
using NpgsqlTypes;

namespace UnifiedMemory.Postgres;

/// <summary>Reads and records what identifies a store: its schema version and its embedding space.</summary>
internal sealed class StoreRegistry(StoreSchema schema)
{
    private readonly string _server =
        $"""
        SELECT to_regclass('{schema.SchemaVersions}') IS NOT NULL AS "HasVersions",
               to_regclass('{schema.EmbeddingSpace}') IS NOT NULL AS "HasSpace",
               obj_description(to_regprocedure('{schema.TextVector}(text)'), 'pg_proc') AS "TextConfiguration",
               (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS "Pgvector",
               (SELECT extnamespace::regnamespace::text FROM pg_extension
                WHERE extname = 'vector' AND to_regtype('vector') IS NULL) AS "PgvectorHiddenIn",
               EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') AS "IsDistributed",
               current_setting('max_connections')::int AS "MaxConnections",
               current_setting('superuser_reserved_connections')::int
                   + COALESCE(current_setting('reserved_connections', true)::int, 0) AS "Reserved"
        """;

    private readonly string _versions = $"SELECT version FROM {schema.SchemaVersions} ORDER BY version";

    private readonly string _space =
        $"""
        SELECT provider AS "Provider", model AS "Model", dimensions AS "Dimensions", digest AS "Digest",
               document_prefix AS "DocumentPrefix", query_prefix AS "QueryPrefix"
        FROM {schema.EmbeddingSpace}
        """;

    private readonly string _record = $"UPDATE {schema.EmbeddingSpace} SET digest = @digest WHERE digest IS NULL AND @digest IS NOT NULL";

    public async Task<StoreState> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var server = await connection.QuerySingleAsync<ServerRow>(Command(_server)).ConfigureAwait(false);
        var applied = server.HasVersions
            ? (await connection.QueryAsync<long>(Command(_versions)).ConfigureAwait(false)).AsList()
            : [];
        var space = server.HasSpace
            ? await connection.QuerySingleOrDefaultAsync<SpaceRow>(Command(_space)).ConfigureAwait(false)
            : null;
        return new StoreState(
            applied, space?.ToSpace(), server.TextConfiguration, server.Pgvector is null ? null : ParseVersion(server.Pgvector), server.PgvectorHiddenIn,
            server.IsDistributed, server.MaxConnections, server.Reserved);

        CommandDefinition Command(string sql) => new(sql, cancellationToken: cancellationToken);
    }

    /// <summary>Records the digest where none was known: the service was out of reach when the store was made.</summary>
    public Task RecordDigestAsync(NpgsqlConnection connection, string? digest, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(
            _record, new SqlParameters().Add("digest", NpgsqlDbType.Text, digest), cancellationToken: cancellationToken));

    private static Version ParseVersion(string text) =>
        Version.TryParse(text, out var version) ? version : new Version(int.Parse(text, CultureInfo.InvariantCulture), 0);

    private sealed record ServerRow
    {
        public bool HasVersions { get; init; }

        public bool HasSpace { get; init; }

        public string? TextConfiguration { get; init; }

        public string? Pgvector { get; init; }

        public string? PgvectorHiddenIn { get; init; }

        public bool IsDistributed { get; init; }

        public int MaxConnections { get; init; }

        public int Reserved { get; init; }
    }

    private sealed record SpaceRow
    {
        public string Provider { get; init; } = "";

        public string Model { get; init; } = "";

        public int Dimensions { get; init; }

        public string? Digest { get; init; }

        public string DocumentPrefix { get; init; } = "";

        public string QueryPrefix { get; init; } = "";

        public EmbeddingSpace ToSpace() => new(Provider, Model, Dimensions)
        {
            Digest = Digest,
            DocumentPrefix = DocumentPrefix,
            QueryPrefix = QueryPrefix,
        };
    }
}
