using Dapper;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Indexing;

/// <summary>The register of the vector indexes that maintenance has built, beside the memories.</summary>
internal sealed partial class VectorIndexTable(Database database, StoreSchema schema)
{
    /// <summary>An index that was dropped by hand, or whose concurrent build is under way or failed, is of no use to a search.</summary>
    private readonly string _usable =
        $"""
        SELECT registered.name AS "Name", registered.memory_type AS "Type", registered.method AS "Method",
               registered.half_precision AS "HalfPrecision", registered.effort AS "Effort", registered.lists AS "Lists", registered.rows AS "Rows",
               registered.reserve AS "Reserve"
        FROM {schema.VectorIndexes} AS registered
        JOIN pg_class AS built ON built.relname = registered.name AND built.relnamespace = to_regnamespace('{schema.Quoted}')
        JOIN pg_index AS state ON state.indexrelid = built.oid AND state.indrelid = to_regclass('{schema.Memories}') AND state.indisvalid
        ORDER BY registered.name
        """;

    /// <summary>The indexes that a search may use.</summary>
    public Task<IReadOnlyList<VectorIndex>> ReadUsableAsync(CancellationToken cancellationToken) =>
        database.ReadAsync<IReadOnlyList<VectorIndex>>("indexes", latest: false, async (connection, token) =>
        {
            var rows = await connection.QueryAsync<Row>(new CommandDefinition(_usable, cancellationToken: token)).ConfigureAwait(false);
            return [.. rows.Select(row => row.ToIndex())];
        }, cancellationToken);

    private sealed record Row
    {
        public string Name { get; init; } = "";

        public string? Type { get; init; }

        public string Method { get; init; } = "";

        public bool HalfPrecision { get; init; }

        public int Effort { get; init; }

        public int Lists { get; init; }

        public long Rows { get; init; }

        public float? Reserve { get; init; }

        public VectorIndex ToIndex() => new(
            Name,
            Type is null ? null : MemoryTypeNames.Parse(Type),
            Enum.Parse<VectorIndexMethod>(Method, ignoreCase: true),
            HalfPrecision, Effort, Lists, Rows, Reserve);
    }
}
