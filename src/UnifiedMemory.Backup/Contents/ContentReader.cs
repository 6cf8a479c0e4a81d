using System.Runtime.InteropServices;
using Dapper;
using Npgsql;

namespace UnifiedMemory.Backup.Contents;

/// <summary>
/// Records what a store holds, in the transaction of the caller. Tables, indexes and constraints are those of the catalogue of the
/// database, whatever they are.
/// </summary>
internal sealed class ContentReader(StoreNames names)
{
    private const int SampledRows = 100;
    private const int CanaryCount = 5;
    private const int CanaryLimit = 10;

    /// <summary>Nearer than the next one by at least this is nearer on every machine.</summary>
    private const double Tie = 1e-6;

    private const string ServerSql =
        """
        SELECT current_setting('server_version') AS "Version",
               (SELECT array_agg(nspname::text ORDER BY nspname) FROM pg_namespace WHERE nspname = ANY(@schemas)) AS "Schemas"
        """;

    private const string ExtensionsSql = "SELECT extname::text, extversion FROM pg_extension ORDER BY 1";

    private const string TablesSql =
        """
        SELECT n.nspname::text AS "Schema", c.relname::text AS "Name",
               (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute AS a
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS "Columns",
               (SELECT array_agg(a.attname::text ORDER BY k.place)
                FROM pg_index AS i CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k (attnum, place)
                JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
                WHERE i.indrelid = c.oid AND i.indisprimary) AS "Key"
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY(@schemas) AND c.relkind = 'r'
        ORDER BY 1, 2
        """;

    internal const string IndexesSql =
        """
        SELECT n.nspname || '.' || c.relname
        FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY(@schemas) AND i.indisvalid AND i.indisready
        ORDER BY 1
        """;

    internal const string ConstraintsSql =
        """
        SELECT n.nspname || '.' || r.relname || '.' || c.conname
        FROM pg_constraint AS c JOIN pg_class AS r ON r.oid = c.conrelid JOIN pg_namespace AS n ON n.oid = r.relnamespace
        WHERE n.nspname = ANY(@schemas) AND c.convalidated AND c.contype IN ('c', 'f', 'p', 'u', 'x')
        ORDER BY 1
        """;

    private readonly string _version = $"SELECT coalesce(max(version), 0) FROM {RowText.Table(names.Main, "schema_versions")}";

    private readonly string _space =
        $"""
        SELECT provider, model, dimensions, digest, document_prefix, query_prefix,
               coalesce(obj_description(to_regprocedure('{RowText.Quote(names.Main)}.text_vector(text)'), 'pg_proc'), 'english')
        FROM {RowText.Table(names.Main, "embedding_space")}
        """;

    private readonly string _canaries =
        $"""
        SELECT namespace, embedding::real[] FROM {names.Memories} WHERE expires_at IS NULL
        ORDER BY hashtext(id::text) LIMIT {CanaryCount}
        """;

    private readonly string _nearest =
        $"""
        SELECT id, 1 - (embedding <=> @vector::vector), expires_at IS NULL
        FROM {names.Memories}
        WHERE namespace = @namespace AND (expires_at IS NULL OR expires_at > now())
        ORDER BY embedding <=> @vector::vector LIMIT {CanaryLimit + 1}
        """;

    /// <exception cref="UnifiedMemoryException">There is no store.</exception>
    public async Task<RecordedContents> ReadAsync(NpgsqlConnection connection, bool withRows, CancellationToken cancellationToken)
    {
        var schemas = names.All;
        await connection.ExecuteAsync(Command(RowText.Settings)).ConfigureAwait(false);
        var server = await connection.QuerySingleAsync<ServerRow>(Command(ServerSql, new { schemas })).ConfigureAwait(false);
        if (server.Schemas is null || !server.Schemas.Contains(names.Main))
        {
            throw new UnifiedMemoryException(
                "backup", $"There is no schema '{names.Main}' in this database, so there is no store to back up. Check SchemaPrefix, or call MigrateAsync() first.",
                isTransient: false);
        }

        var extensions = await connection.QueryAsync<(string Name, string Version)>(Command(ExtensionsSql)).ConfigureAwait(false);
        var space = await connection.QuerySingleAsync<(string Provider, string Model, int Dimensions, string? Digest, string DocumentPrefix, string QueryPrefix, string Configuration)>(
            Command(_space)).ConfigureAwait(false);
        var tables = new List<RecordedTable>();
        foreach (var table in await connection.QueryAsync<TableRow>(Command(TablesSql, new { schemas })).ConfigureAwait(false))
            tables.Add(await RecordAsync(connection, table, withRows, cancellationToken).ConfigureAwait(false));
        return new RecordedContents
        {
            ServerVersion = server.Version.Split(' ')[0],
            Schemas = server.Schemas,
            Extensions = extensions.ToDictionary(extension => extension.Name, extension => extension.Version),
            SchemaVersion = await connection.ExecuteScalarAsync<long>(Command(_version)).ConfigureAwait(false),
            TextSearchConfiguration = space.Configuration,
            Space = new EmbeddingSpace(space.Provider, space.Model, space.Dimensions)
            {
                Digest = space.Digest,
                DocumentPrefix = space.DocumentPrefix,
                QueryPrefix = space.QueryPrefix,
            },
            Tables = tables,
            Indexes = (await connection.QueryAsync<string>(Command(IndexesSql, new { schemas })).ConfigureAwait(false)).AsList(),
            Constraints = (await connection.QueryAsync<string>(Command(ConstraintsSql, new { schemas })).ConfigureAwait(false)).AsList(),
            Canaries = withRows ? await RecordCanariesAsync(connection, cancellationToken).ConfigureAwait(false) : [],
        };

        CommandDefinition Command(string sql, object? parameters = null) => new(sql, parameters, cancellationToken: cancellationToken);
    }

    /// <summary>The sample is chosen by the key alone, so that vectors are written out for the chosen rows only.</summary>
    private static async Task<RecordedTable> RecordAsync(
        NpgsqlConnection connection, TableRow table, bool withRows, CancellationToken cancellationToken)
    {
        var name = RowText.Table(table.Schema, table.Name);
        var key = table.Key ?? [];
        if (!withRows)
            return new RecordedTable(table.Schema, table.Name, 0, table.Columns, key, []);
        var rows = await connection.ExecuteScalarAsync<long>(
            new CommandDefinition($"SELECT count(*) FROM {name}", cancellationToken: cancellationToken)).ConfigureAwait(false);
        var sample = key.Length > 0
            ? $"""
               SELECT {RowText.Row(key)}, {RowText.Hash(table.Columns)} FROM {name}
               WHERE ctid = ANY (ARRAY (SELECT ctid FROM {name} ORDER BY hashtext({RowText.Row(key)}) LIMIT {SampledRows}))
               ORDER BY 1
               """
            : $"SELECT NULL, {RowText.Hash(table.Columns)} FROM {name} ORDER BY 2 LIMIT {SampledRows}";
        var samples = await connection.QueryAsync<(string? Key, string Hash)>(
            new CommandDefinition(sample, cancellationToken: cancellationToken)).ConfigureAwait(false);
        return new RecordedTable(
            table.Schema, table.Name, rows, table.Columns, key, [.. samples.Select(row => new RecordedRow(row.Key, row.Hash))]);
    }

    private async Task<IReadOnlyList<CanarySearch>> RecordCanariesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        // Without an index, which would find most of them, but not always the same.
        await connection.ExecuteAsync(new CommandDefinition("SET LOCAL enable_indexscan = off", cancellationToken: cancellationToken)).ConfigureAwait(false);
        var canaries = new List<CanarySearch>();
        foreach (var (@namespace, vector) in (await connection.QueryAsync<(string, float[])>(
            new CommandDefinition(_canaries, cancellationToken: cancellationToken)).ConfigureAwait(false)).AsList())
        {
            var nearest = (await connection.QueryAsync<(Guid Id, double Similarity, bool Lasts)>(
                new CommandDefinition(_nearest, new { @namespace, vector }, cancellationToken: cancellationToken)).ConfigureAwait(false)).AsList();
            var bound = nearest.Count > CanaryLimit ? nearest[CanaryLimit].Similarity + Tie : double.NegativeInfinity;
            canaries.Add(new CanarySearch(
                @namespace,
                Convert.ToBase64String(MemoryMarshal.AsBytes<float>(vector)),
                [.. nearest.Take(CanaryLimit).Where(one => one.Lasts && one.Similarity > bound).Select(one => one.Id)]));
        }

        return canaries;
    }

    private sealed record ServerRow
    {
        public string Version { get; init; } = "";

        public string[]? Schemas { get; init; }
    }

    private sealed record TableRow
    {
        public string Schema { get; init; } = "";

        public string Name { get; init; } = "";

        public string[] Columns { get; init; } = [];

        public string[]? Key { get; init; }
    }
}
