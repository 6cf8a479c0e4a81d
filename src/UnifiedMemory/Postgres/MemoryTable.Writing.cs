using System.Data;
using Dapper;
using Npgsql;
using NpgsqlTypes;
using Pgvector;
using UnifiedMemory.Input;
using UnifiedMemory.Monitoring;

namespace UnifiedMemory.Postgres;

internal sealed partial class MemoryTable
{
    private const string Identity = "namespace, memory_type, content_hash, agent_id, session_id, workflow_id";

    private const string WrittenColumns =
        """
        namespace, id, memory_type, kind, content, content_hash, embedding, metadata, tags,
        source_system, agent_id, session_id, workflow_id, importance, created_at, expires_at
        """;

    /// <summary>
    /// A memory that is there and visible is left alone, and then nothing is returned. An expired one that waits to be
    /// purged is replaced, or else the new memory would be lost with it.
    /// </summary>
    private readonly string _insert =
        $"""
        INSERT INTO {schema.Memories} AS stored ({WrittenColumns})
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
        ON CONFLICT ({Identity}) DO UPDATE SET
            id = excluded.id, kind = excluded.kind, embedding = excluded.embedding, metadata = excluded.metadata,
            tags = excluded.tags, source_system = excluded.source_system, importance = excluded.importance,
            created_at = excluded.created_at, updated_at = now(), expires_at = excluded.expires_at
        WHERE stored.expires_at <= now()
        RETURNING id
        """;

    private readonly string _find =
        $"""
        SELECT asked.position AS "Position", stored.id AS "Id"
        FROM unnest(@namespaces, @types, @hashes, @agents, @sessions, @workflows)
             WITH ORDINALITY AS asked (namespace, memory_type, content_hash, agent_id, session_id, workflow_id, position)
        JOIN {schema.Memories} AS stored
          ON stored.namespace = asked.namespace AND stored.memory_type = asked.memory_type AND stored.content_hash = asked.content_hash
         AND stored.agent_id IS NOT DISTINCT FROM asked.agent_id
         AND stored.session_id IS NOT DISTINCT FROM asked.session_id
         AND stored.workflow_id IS NOT DISTINCT FROM asked.workflow_id
        WHERE {Visible}
        """;

    private readonly string _contentHash = $"SELECT content_hash FROM {schema.Memories} WHERE id = @id AND {Visible}";

    private readonly string _update =
        $"""
        UPDATE {schema.Memories} SET
            content = COALESCE(@content, content),
            content_hash = COALESCE(@hash, content_hash),
            embedding = COALESCE(@embedding, embedding),
            kind = CASE WHEN @kind IS NULL THEN kind ELSE NULLIF(@kind, '') END,
            metadata = COALESCE(@metadata, metadata),
            tags = COALESCE(@tags, tags),
            importance = COALESCE(@importance, importance),
            expires_at = CASE WHEN @expires_at IS NULL THEN expires_at ELSE NULLIF(@expires_at, 'infinity') END,
            updated_at = now()
        WHERE id = @id AND {Visible}
        RETURNING {Columns}
        """;

    /// <summary>The ids of those memories that are stored and visible, in their order; <c>null</c> for the others.</summary>
    public Task<Guid?[]> FindAsync(IReadOnlyList<PreparedMemory> memories, CancellationToken cancellationToken) =>
        database.RunAsync("find", async (connection, token) =>
        {
            const NpgsqlDbType texts = NpgsqlDbType.Array | NpgsqlDbType.Text;
            var parameters = new SqlParameters()
                .Add("namespaces", texts, memories.Select(memory => memory.Source.Namespace).ToArray())
                .Add("types", texts, memories.Select(memory => MemoryTypeNames.NameOf(memory.Source.Type)).ToArray())
                .Add("hashes", NpgsqlDbType.Array | NpgsqlDbType.Bytea, memories.Select(memory => memory.ContentHash).ToArray())
                .Add("agents", texts, memories.Select(memory => memory.Source.AgentId).ToArray())
                .Add("sessions", texts, memories.Select(memory => memory.Source.SessionId).ToArray())
                .Add("workflows", texts, memories.Select(memory => memory.Source.WorkflowId).ToArray());
            var rows = await connection.QueryAsync<(long Position, Guid Id)>(
                new CommandDefinition(_find, parameters, cancellationToken: token)).ConfigureAwait(false);
            var ids = new Guid?[memories.Count];
            foreach (var (position, id) in rows)
                ids[position - 1] = id;
            return ids;
        }, cancellationToken);

    /// <summary>
    /// Writes the memories in one transaction. True where the memory is new; false where an equal one is there, which may also
    /// be this very one, written by an attempt whose answer was lost.
    /// </summary>
    /// <remarks>
    /// What comes here was looked for and is not there, as a rule. So many memories are copied, which takes all or nothing;
    /// only when the database finds one of them to be there after all (another caller was faster, an expired one waits to be
    /// purged, an attempt was committed and its answer got lost) they are inserted one by one. 20,000 memories: 0.6 of the
    /// rows a second of one COPY by INSERT alone, see benchmarks/README.md.
    /// </remarks>
    public Task<bool[]> InsertAsync(IReadOnlyList<(PreparedMemory Memory, float[] Vector)> memories, CancellationToken cancellationToken) =>
        database.RunAsync("store", async (connection, token) =>
        {
            StoreMetrics.StoreBatchSize.Record(memories.Count);

            // In one order everywhere, so that two batches with the same texts do not deadlock.
            var order = Enumerable.Range(0, memories.Count).ToArray();
            Array.Sort(order, (a, b) => memories[a].Memory.ContentHash.AsSpan().SequenceCompareTo(memories[b].Memory.ContentHash));

            return memories.Count >= FewestToCopy && await TryCopyAsync(connection, memories, order, token).ConfigureAwait(false) is { } copied
                ? copied
                : await InsertEachAsync(connection, memories, order, token).ConfigureAwait(false);
        }, cancellationToken);

    private async Task<bool[]> InsertEachAsync(
        NpgsqlConnection connection, IReadOnlyList<(PreparedMemory Memory, float[] Vector)> memories, int[] order, CancellationToken cancellationToken)
    {
        var batch = new NpgsqlBatch(connection);
        await using (batch.ConfigureAwait(false))
        {
            foreach (var index in order)
                batch.BatchCommands.Add(InsertCommand(memories[index].Memory, memories[index].Vector));

            var created = new bool[memories.Count];
            var reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                foreach (var index in order)
                {
                    created[index] = await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
                    await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
                }
            }

            return created;
        }
    }

    /// <summary>The hash of a memory's content, or <c>null</c> when there is no such memory.</summary>
    public Task<byte[]?> GetContentHashAsync(Guid id, CancellationToken cancellationToken) =>
        database.RunAsync("get", (connection, token) => connection.ExecuteScalarAsync<byte[]?>(new CommandDefinition(
            _contentHash, new SqlParameters().Add("id", NpgsqlDbType.Uuid, id), cancellationToken: token)), cancellationToken);

    /// <summary>Changes what is set; the content only together with its vector.</summary>
    public Task<MemoryRecord?> UpdateAsync(Guid id, MemoryUpdate update, float[]? vector, CancellationToken cancellationToken) =>
        database.RunAsync("update", async (connection, token) =>
        {
            var content = vector is null ? null : update.Content;
            var parameters = new SqlParameters()
                .Add("id", NpgsqlDbType.Uuid, id)
                .Add("content", NpgsqlDbType.Text, content)
                .Add("hash", NpgsqlDbType.Bytea, content is null ? null : PreparedMemory.Hash(content))
                .AddVector("embedding", vector)
                .Add("kind", NpgsqlDbType.Text, update.Kind)
                .Add("metadata", NpgsqlDbType.Jsonb, update.Metadata is null ? null : MetadataJson.Serialize(update.Metadata, nameof(update.Metadata)))
                .Add("tags", NpgsqlDbType.Array | NpgsqlDbType.Text, update.Tags is null ? null : TextRules.RequireTags(update.Tags, nameof(update.Tags)))
                .Add("importance", NpgsqlDbType.Real, (float?)update.Importance)
                .Add("expires_at", NpgsqlDbType.TimestampTz, update.ExpiresAt?.UtcDateTime);
            var row = await connection.QuerySingleOrDefaultAsync<MemoryRow>(
                new CommandDefinition(_update, parameters, cancellationToken: token)).ConfigureAwait(false);
            return row?.ToRecord();
        }, cancellationToken);

    private NpgsqlBatchCommand InsertCommand(PreparedMemory memory, float[] vector)
    {
        var source = memory.Source;
        return new NpgsqlBatchCommand(_insert)
        {
            Parameters =
            {
                Typed(NpgsqlDbType.Text, source.Namespace),
                Typed(NpgsqlDbType.Uuid, memory.Id),
                Typed(NpgsqlDbType.Text, MemoryTypeNames.NameOf(source.Type)),
                Typed(NpgsqlDbType.Text, source.Kind),
                Typed(NpgsqlDbType.Text, source.Content),
                Typed(NpgsqlDbType.Bytea, memory.ContentHash),
                new NpgsqlParameter<Vector> { TypedValue = new Vector(vector), DataTypeName = "vector" },
                Typed(NpgsqlDbType.Jsonb, memory.MetadataJson),
                Typed(NpgsqlDbType.Array | NpgsqlDbType.Text, memory.Tags),
                Typed(NpgsqlDbType.Text, source.SourceSystem),
                Typed(NpgsqlDbType.Text, source.AgentId),
                Typed(NpgsqlDbType.Text, source.SessionId),
                Typed(NpgsqlDbType.Text, source.WorkflowId),
                Typed(NpgsqlDbType.Real, (float)source.Importance),
                Typed(NpgsqlDbType.TimestampTz, memory.CreatedAt),
                Typed(NpgsqlDbType.TimestampTz, ExpiryOf(source)),
            },
        };

        static NpgsqlParameter Typed(NpgsqlDbType type, object? value) => new() { NpgsqlDbType = type, Value = value ?? DBNull.Value };
    }

    private static DateTime? ExpiryOf(NewMemory memory) =>
        memory.ExpiresAt == DateTimeOffset.MaxValue ? null : memory.ExpiresAt?.UtcDateTime;
}
