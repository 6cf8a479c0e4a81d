using Dapper;
using Npgsql;
using NpgsqlTypes;
using Pgvector;
using UnifiedMemory.Input;
using UnifiedMemory.Monitoring;

namespace UnifiedMemory.Postgres;

internal sealed partial class MemoryTable
{
    private const string WrittenColumns =
        """
        namespace, id, memory_type, kind, content, content_hash, identity_hash, embedding, metadata, tags,
        source_system, agent_id, session_id, workflow_id, importance, created_at, expires_at
        """;

    private const string WrittenValues = "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17";

    /// <summary>
    /// A memory that is there and visible is left alone, and then nothing is returned. An expired one that waits to be
    /// purged is replaced, or else the new memory would be lost with it; but an insight may wait for a sink, and was set aside when it was looked for.
    /// </summary>
    private const string UnlessStored =
        """
        ON CONFLICT (namespace, identity_hash) DO UPDATE SET
            id = excluded.id, kind = excluded.kind, embedding = excluded.embedding, metadata = excluded.metadata,
            tags = excluded.tags, source_system = excluded.source_system, importance = excluded.importance,
            created_at = excluded.created_at, updated_at = now(), expires_at = excluded.expires_at
        WHERE stored.expires_at <= now() AND (stored.memory_type <> 'insight' OR stored.id = excluded.id)
        RETURNING id
        """;

    private readonly string _insert =
        $"""
        INSERT INTO {schema.Memories} AS stored ({WrittenColumns})
        VALUES ({WrittenValues})
        {UnlessStored}
        """;

    /// <summary>
    /// Planned anew with the size that the table has now. While it grows and is not analyzed yet, the plan for any arrays
    /// joins by the sequential scan that was right for the empty table: 63 ms instead of 2 ms for 500 memories at 20,000 rows.
    /// </summary>
    private readonly string _find =
        $"""
        BEGIN READ ONLY;
        SET LOCAL plan_cache_mode = force_custom_plan;
        SET LOCAL random_page_cost = 1.1;
        SELECT asked.position AS "Position", stored.id AS "Id", ({FilterSql.Visible}) AS "IsVisible"
        FROM unnest(@namespaces, @identities) WITH ORDINALITY AS asked (namespace, identity_hash, position)
        JOIN {schema.Memories} AS stored ON stored.namespace = asked.namespace AND stored.identity_hash = asked.identity_hash
        WHERE {FilterSql.Visible} OR stored.memory_type = 'insight';
        COMMIT
        """;

    /// <summary>
    /// The ids of those memories that are stored and visible, in their order; <c>null</c> for the others. Insights that have expired do not
    /// stand in the way of these afterwards.
    /// </summary>
    public Task<Guid?[]> FindAsync(IReadOnlyList<PreparedMemory> memories, CancellationToken cancellationToken) =>
        database.RunAsync("find", async (connection, token) =>
        {
            var parameters = new SqlParameters()
                .Add("namespaces", NpgsqlDbType.Array | NpgsqlDbType.Text, memories.Select(memory => memory.Identity.Namespace).ToArray())
                .Add("identities", NpgsqlDbType.Array | NpgsqlDbType.Bytea, memories.Select(memory => memory.IdentityHash).ToArray());
            var rows = (await connection.QueryAsync<(long Position, Guid Id, bool IsVisible)>(
                new CommandDefinition(_find, parameters, cancellationToken: token)).ConfigureAwait(false)).AsList();
            var ids = new Guid?[memories.Count];
            foreach (var (position, id, _) in rows.Where(row => row.IsVisible))
                ids[position - 1] = id;
            var expired = rows.Where(row => !row.IsVisible).Select(row => memories[(int)row.Position - 1]).ToList();
            if (expired.Count > 0)
                await SetExpiredAsideAsync(connection, expired, token).ConfigureAwait(false);
            return ids;
        }, cancellationToken);

    /// <summary>
    /// Writes the memories in one transaction. True where the memory is new; false where an equal one is there, which may also
    /// be this very one, written by an attempt whose answer was lost.
    /// </summary>
    /// <remarks>
    /// An insight is queued for each sink by the statement that creates it, or in the transaction of its COPY: there is never one without
    /// the other. One that was found in a memory is written only where that memory is there.
    ///
    /// What comes here was looked for and is not there, as a rule. So many memories are copied, which takes all or nothing;
    /// only when the database finds one of them to be there after all (another caller was faster, an expired one waits to be
    /// purged, an attempt was committed and its answer got lost) they are inserted one by one. 20,000 memories: 0.6 of the
    /// rows a second of one COPY by INSERT alone, see benchmarks/README.md.
    /// </remarks>
    public Task<bool[]> InsertAsync(IReadOnlyList<(PreparedMemory Memory, float[] Vector)> memories, CancellationToken cancellationToken) =>
        database.RunAsync("store", async (connection, token) =>
        {
            StoreMetrics.StoreBatchSize.Record(memories.Count);

            var order = OrderOf(memories);
            return memories.Count >= FewestToCopy && await TryCopyAsync(connection, memories, order, token).ConfigureAwait(false) is { } copied
                ? copied
                : await InsertEachAsync(connection, memories, order, token).ConfigureAwait(false);
        }, cancellationToken);

    /// <summary>
    /// In one order everywhere, so that two batches with the same memories do not deadlock; and the first of equal ones first.
    /// Insights last: one that was found needs its source, which is none. Of equal ones that which stays the longest: what has expired already
    /// would be in its way.
    /// </summary>
    private static int[] OrderOf(IReadOnlyList<(PreparedMemory Memory, float[] Vector)> memories) =>
        [.. Enumerable.Range(0, memories.Count)
            .OrderBy(index => memories[index].Memory.Source.Type == MemoryType.Insight)
            .ThenBy(index => memories[index].Memory.Identity.Hash, StringComparer.Ordinal)
            .ThenBy(index => memories[index].Memory.Identity.Namespace, StringComparer.Ordinal)
            .ThenByDescending(index => memories[index].Memory.IsForSinks ? memories[index].Memory.Source.ExpiresAt ?? DateTimeOffset.MaxValue : default)];

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

    private NpgsqlBatchCommand InsertCommand(PreparedMemory memory, float[] vector)
    {
        var source = memory.Source;
        var command = new NpgsqlBatchCommand(_insert)
        {
            Parameters =
            {
                Typed(NpgsqlDbType.Text, source.Namespace),
                Typed(NpgsqlDbType.Uuid, memory.Id),
                Typed(NpgsqlDbType.Text, MemoryTypeNames.NameOf(source.Type)),
                Typed(NpgsqlDbType.Text, source.Kind),
                Typed(NpgsqlDbType.Text, source.Content),
                Typed(NpgsqlDbType.Bytea, memory.ContentHash),
                Typed(NpgsqlDbType.Bytea, memory.IdentityHash),
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
        var waiting = SinksFor(memory);
        if (waiting.Length > 0 || memory.Insight?.SourceId is not null)
            AddInsight(command, memory, waiting);
        return command;
    }

    private static NpgsqlParameter Typed(NpgsqlDbType type, object? value) => new() { NpgsqlDbType = type, Value = value ?? DBNull.Value };

    private static DateTime? ExpiryOf(NewMemory memory) =>
        memory.ExpiresAt == DateTimeOffset.MaxValue ? null : memory.ExpiresAt?.UtcDateTime;
}
