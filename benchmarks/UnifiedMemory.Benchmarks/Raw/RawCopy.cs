using Npgsql;
using NpgsqlTypes;
using Pgvector;

namespace UnifiedMemory.Benchmarks.Raw;

/// <summary>One binary COPY of all rows: the fastest way in, with no duplicate allowed and no answer but the count.</summary>
internal sealed class RawCopy(NpgsqlDataSource dataSource, string schema)
{
    private readonly string _copy =
        $"""
        COPY {schema}.memories (
            namespace, id, memory_type, kind, content, content_hash, identity_hash, embedding, metadata, tags,
            source_system, agent_id, session_id, workflow_id, importance, created_at, expires_at)
        FROM STDIN (FORMAT BINARY)
        """;

    public async Task<ulong> CopyAsync(IReadOnlyList<RawRow> rows)
    {
        await using var connection = await dataSource.OpenConnectionAsync();
        await using var writer = await connection.BeginBinaryImportAsync(_copy);
        foreach (var row in rows)
        {
            var memory = row.Memory;
            await writer.StartRowAsync();
            await writer.WriteAsync(memory.Namespace, NpgsqlDbType.Text);
            await writer.WriteAsync(row.Id, NpgsqlDbType.Uuid);
            await writer.WriteAsync(RawTypes.NameOf(memory.Type), NpgsqlDbType.Text);
            await TextAsync(memory.Kind);
            await writer.WriteAsync(memory.Content, NpgsqlDbType.Text);
            await writer.WriteAsync(row.Hash, NpgsqlDbType.Bytea);
            await writer.WriteAsync(row.IdentityHash, NpgsqlDbType.Bytea);
            await writer.WriteAsync(new Vector(row.Vector), "vector");
            await writer.WriteAsync(row.Metadata, NpgsqlDbType.Jsonb);
            await writer.WriteAsync(row.Tags, NpgsqlDbType.Array | NpgsqlDbType.Text);
            await TextAsync(memory.SourceSystem);
            await TextAsync(memory.AgentId);
            await TextAsync(memory.SessionId);
            await TextAsync(memory.WorkflowId);
            await writer.WriteAsync((float)memory.Importance, NpgsqlDbType.Real);
            await writer.WriteAsync(row.CreatedAt, NpgsqlDbType.TimestampTz);
            await writer.WriteNullAsync();
        }

        return await writer.CompleteAsync();

        Task TextAsync(string? value) =>
            value is null ? writer.WriteNullAsync() : writer.WriteAsync(value, NpgsqlDbType.Text);
    }
}
