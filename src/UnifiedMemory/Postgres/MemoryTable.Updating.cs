using Dapper;
using Npgsql;
using NpgsqlTypes;
using UnifiedMemory.Input;

namespace UnifiedMemory.Postgres;

internal sealed partial class MemoryTable
{
    private readonly string _identity =
        $"""
        SELECT namespace AS "Namespace", memory_type AS "Type", agent_id AS "AgentId", session_id AS "SessionId",
               workflow_id AS "WorkflowId", content_hash AS "ContentHash", metadata::text AS "Metadata", tags AS "Tags",
               importance AS "Importance", created_at AS "CreatedAt", expires_at AS "ExpiresAt"
        FROM {schema.Memories} WHERE id = @id AND {FilterSql.Visible}
        """;

    /// <summary>
    /// What a lost attempt may have changed is hidden when it also made it expire, and is found again by the expiry that it set.
    /// </summary>
    private readonly string _update =
        $"""
        UPDATE {schema.Memories} SET
            content = COALESCE(@content, content),
            content_hash = COALESCE(@content_hash, content_hash),
            identity_hash = COALESCE(@identity_hash, identity_hash),
            embedding = COALESCE(@embedding, embedding),
            kind = CASE WHEN @kind IS NULL THEN kind ELSE NULLIF(@kind, '') END,
            metadata = COALESCE(@metadata, metadata),
            tags = COALESCE(@tags, tags),
            importance = COALESCE(@importance, importance),
            expires_at = CASE WHEN @expires_at IS NULL THEN expires_at ELSE NULLIF(@expires_at, 'infinity') END,
            updated_at = now()
        WHERE id = @id AND ({FilterSql.Visible} OR (@repeated AND expires_at = @expires_at)) AND (@expected_hash IS NULL OR content_hash = @expected_hash)
        RETURNING {MemoryReader.Columns}
        """;

    /// <summary>Nobody sees it any more, but an insight may wait for a sink: it is delivered as it is, and purged afterwards.</summary>
    private readonly string _setAside =
        $"""
        WITH expired AS MATERIALIZED (
            SELECT namespace, id, memory_type FROM {schema.Memories}
            WHERE (namespace, identity_hash) IN (SELECT * FROM unnest(@namespaces, @identities)) AND expires_at <= now() AND id <> ALL (@ids)
            FOR UPDATE),
        deleted AS (
            DELETE FROM {schema.Memories} AS stored USING expired
            WHERE stored.namespace = expired.namespace AND stored.id = expired.id AND expired.memory_type <> 'insight'),
        aside AS (
            UPDATE {schema.Memories} AS stored SET identity_hash = sha256(convert_to(stored.id::text, 'UTF8')) FROM expired
            WHERE stored.namespace = expired.namespace AND stored.id = expired.id AND expired.memory_type = 'insight')
        SELECT count(*) FROM expired
        """;

    /// <summary>What tells a memory from others, or <c>null</c> when there is no such memory.</summary>
    public Task<StoredIdentity?> GetIdentityAsync(Guid id, CancellationToken cancellationToken) =>
        database.RunAsync("get", (connection, token) => connection.QuerySingleOrDefaultAsync<StoredIdentity>(new CommandDefinition(
            _identity, new SqlParameters().Add("id", NpgsqlDbType.Uuid, id), cancellationToken: token)), cancellationToken);

    /// <summary>
    /// Changes what is set. New content comes with all that follows from it; without it, the content must still be the expected
    /// one where a hash of it is given. Null when that is not so, or when there is no such memory.
    /// </summary>
    public Task<MemoryRecord?> UpdateAsync(
        Guid id, MemoryUpdate update, NewContent? content, byte[]? expectedHash, CancellationToken cancellationToken)
    {
        var attempts = 0;
        return database.RunAsync("update", async (connection, token) =>
        {
            var parameters = new SqlParameters()
                .Add("id", NpgsqlDbType.Uuid, id)
                .Add("content", NpgsqlDbType.Text, content is null ? null : update.Content)
                .Add("content_hash", NpgsqlDbType.Bytea, content?.Hash)
                .Add("identity_hash", NpgsqlDbType.Bytea, content?.Identity.HashBytes)
                .AddVector("embedding", content?.Vector)
                .Add("kind", NpgsqlDbType.Text, update.Kind)
                .Add("metadata", NpgsqlDbType.Jsonb, update.Metadata is null ? null : MetadataJson.Serialize(update.Metadata, nameof(update.Metadata)))
                .Add("tags", NpgsqlDbType.Array | NpgsqlDbType.Text, update.Tags is null ? null : TextRules.RequireTags(update.Tags, nameof(update.Tags)))
                .Add("importance", NpgsqlDbType.Real, (float?)update.Importance)
                .Add("expires_at", NpgsqlDbType.TimestampTz, update.ExpiresAt?.UtcDateTime)
                .Add("expected_hash", NpgsqlDbType.Bytea, expectedHash)
                .Add("repeated", NpgsqlDbType.Boolean, attempts++ > 0);
            if (content is not { Found.Count: > 0 })
                return await MemoryReader.FindAsync(connection, _update, parameters, token).ConfigureAwait(false);

            var transaction = await connection.BeginTransactionAsync(token).ConfigureAwait(false);
            await using (transaction.ConfigureAwait(false))
            {
                var updated = await MemoryReader.FindAsync(connection, _update, parameters, token).ConfigureAwait(false);
                if (updated is not null)
                {
                    await SetExpiredAsideAsync(connection, content.Found.Select(item => item.Memory), token).ConfigureAwait(false);
                    await InsertEachAsync(connection, content.Found, OrderOf(content.Found), token).ConfigureAwait(false);
                }

                await transaction.CommitAsync(token).ConfigureAwait(false);
                return updated;
            }
        }, cancellationToken);
    }

    /// <summary>Takes an expired memory out of the way of another one with its identity.</summary>
    /// <returns>Whether there was one.</returns>
    public Task<bool> SetExpiredAsideAsync(MemoryIdentity identity, CancellationToken cancellationToken) =>
        database.RunAsync("set_aside", (connection, token) => SetExpiredAsideAsync(connection, [identity], [], token), cancellationToken);

    /// <summary>The same for memories that are written now. One of these that has expired already was written by an attempt whose answer got lost.</summary>
    private Task<bool> SetExpiredAsideAsync(NpgsqlConnection connection, IEnumerable<PreparedMemory> memories, CancellationToken cancellationToken) =>
        SetExpiredAsideAsync(
            connection, [.. memories.Select(memory => memory.Identity)], [.. memories.Select(memory => memory.Id)], cancellationToken);

    private async Task<bool> SetExpiredAsideAsync(
        NpgsqlConnection connection, MemoryIdentity[] identities, Guid[] ids, CancellationToken cancellationToken) =>
        await connection.ExecuteScalarAsync<long>(new CommandDefinition(
            _setAside,
            new SqlParameters()
                .Add("namespaces", NpgsqlDbType.Array | NpgsqlDbType.Text, Array.ConvertAll(identities, identity => identity.Namespace))
                .Add("identities", NpgsqlDbType.Array | NpgsqlDbType.Bytea, Array.ConvertAll(identities, identity => identity.HashBytes))
                .Add("ids", NpgsqlDbType.Array | NpgsqlDbType.Uuid, ids),
            cancellationToken: cancellationToken)).ConfigureAwait(false) > 0;
}
