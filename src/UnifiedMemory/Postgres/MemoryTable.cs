using Dapper;
using NpgsqlTypes;

namespace UnifiedMemory.Postgres;

/// <summary>The only class that speaks SQL for memories.</summary>
/// <param name="database">The server.</param>
/// <param name="schema">The names of the tables.</param>
/// <param name="dimensions">Numbers in a vector.</param>
/// <param name="sinks">The names of those for whom insights are queued.</param>
internal sealed partial class MemoryTable(Database database, StoreSchema schema, int dimensions, IReadOnlyList<string> sinks)
{
    private readonly string _get = $"SELECT {MemoryReader.Columns} FROM {schema.Memories} WHERE id = @id AND {FilterSql.Visible}";

    private readonly string _statistics =
        $"""
        SELECT memory_type AS "Type", count(*) FILTER (WHERE {FilterSql.Visible}) AS "Count", count(*) FILTER (WHERE NOT {FilterSql.Visible}) AS "Expired",
               min(created_at) FILTER (WHERE {FilterSql.Visible}) AS "Oldest", max(created_at) FILTER (WHERE {FilterSql.Visible}) AS "Newest"
        FROM {schema.Memories} GROUP BY memory_type;
        SELECT (SELECT count(*) FROM (SELECT DISTINCT namespace FROM {schema.Memories} WHERE {FilterSql.Visible}) AS seen) AS "Namespaces",
               pg_table_size('{schema.Memories}') AS "TableBytes", pg_indexes_size('{schema.Memories}') AS "IndexBytes"
        """;

    /// <summary>Whether searches may run on several servers; so long as that is not known, what works in either case.</summary>
    public bool IsDistributed { get; set; } = true;

    public Task<MemoryRecord?> GetAsync(Guid id, CancellationToken cancellationToken) =>
        database.RunAsync("get", (connection, token) => MemoryReader.FindAsync(
            connection, _get, new SqlParameters().Add("id", NpgsqlDbType.Uuid, id), token), cancellationToken);

    public Task<long> CountAsync(MemoryFilter filter, CancellationToken cancellationToken) =>
        database.RunAsync("count", (connection, token) =>
        {
            var parameters = new SqlParameters();
            return connection.ExecuteScalarAsync<long>(new CommandDefinition(
                $"SELECT count(*) FROM {schema.Memories} WHERE {FilterSql.From(filter, parameters)}", parameters, cancellationToken: token));
        }, cancellationToken);

    /// <summary>The next page in the order of the primary key, after the given memory.</summary>
    public Task<List<MemoryRecord>> ListPageAsync(
        MemoryFilter filter, MemoryRecord? after, int pageSize, CancellationToken cancellationToken) =>
        database.RunAsync("list", (connection, token) =>
        {
            var parameters = new SqlParameters()
                .Add("after_namespace", NpgsqlDbType.Text, after?.Namespace ?? "")
                .Add("after_id", NpgsqlDbType.Uuid, after?.Id ?? Guid.Empty)
                .Add("page_size", NpgsqlDbType.Integer, pageSize);
            return MemoryReader.QueryAsync(
                connection,
                $"""
                SELECT {MemoryReader.Columns} FROM {schema.Memories}
                WHERE (namespace, id) > (@after_namespace, @after_id) AND {FilterSql.From(filter, parameters)}
                ORDER BY namespace, id LIMIT @page_size
                """,
                parameters, MemoryReader.Read, token);
        }, cancellationToken);

    public Task<MemoryStatistics> GetStatisticsAsync(CancellationToken cancellationToken) =>
        database.RunAsync("statistics", async (connection, token) =>
        {
            var results = await connection.QueryMultipleAsync(
                new CommandDefinition(_statistics, cancellationToken: token)).ConfigureAwait(false);
            await using (results.ConfigureAwait(false))
            {
                var types = (await results.ReadAsync<TypeRow>().ConfigureAwait(false)).AsList();
                var sizes = await results.ReadSingleAsync<SizeRow>().ConfigureAwait(false);
                return new MemoryStatistics
                {
                    Count = types.Sum(type => type.Count),
                    CountByType = Enum.GetValues<MemoryType>().ToDictionary(
                        type => type, type => types.Find(row => row.Type == MemoryTypeNames.NameOf(type))?.Count ?? 0),
                    Expired = types.Sum(type => type.Expired),
                    Namespaces = sizes.Namespaces,
                    TableBytes = sizes.TableBytes,
                    IndexBytes = sizes.IndexBytes,
                    Oldest = types.Min(type => type.Oldest),
                    Newest = types.Max(type => type.Newest),
                };
            }
        }, cancellationToken);

    private sealed record TypeRow
    {
        public string Type { get; init; } = "";

        public long Count { get; init; }

        public long Expired { get; init; }

        public DateTime? Oldest { get; init; }

        public DateTime? Newest { get; init; }
    }

    private sealed record SizeRow
    {
        public long Namespaces { get; init; }

        public long TableBytes { get; init; }

        public long IndexBytes { get; init; }
    }
}
