using Dapper;
using NpgsqlTypes;
using Pgvector;

namespace UnifiedMemory.Postgres;

internal sealed partial class MemoryTable
{
    /// <summary>The vectors of memories, by id; a memory that was deleted in between has none.</summary>
    public Task<Dictionary<Guid, float[]>> GetVectorsAsync(IReadOnlyList<MemoryRecord> memories, CancellationToken cancellationToken) =>
        database.RunAsync("export", async (connection, token) =>
        {
            var parameters = new SqlParameters()
                .Add("namespaces", NpgsqlDbType.Array | NpgsqlDbType.Text, memories.Select(memory => memory.Namespace).ToArray())
                .Add("ids", NpgsqlDbType.Array | NpgsqlDbType.Uuid, memories.Select(memory => memory.Id).ToArray());
            var rows = await connection.QueryAsync<(Guid Id, Vector Vector)>(new CommandDefinition(
                $"""
                SELECT stored.id AS "Id", stored.embedding AS "Vector"
                FROM unnest(@namespaces, @ids) AS asked (namespace, id)
                JOIN {schema.Memories} AS stored ON stored.namespace = asked.namespace AND stored.id = asked.id
                """, parameters, cancellationToken: token)).ConfigureAwait(false);
            return rows.ToDictionary(row => row.Id, row => row.Vector.ToArray());
        }, cancellationToken);
}
