using Npgsql;
using NpgsqlTypes;
using Pgvector;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Sides;

internal sealed partial class RawSide
{
    private const string Columns =
        """
        namespace, id, memory_type, kind, content, content_hash, identity_hash, embedding, metadata, tags,
        source_system, agent_id, session_id, workflow_id, importance, created_at
        """;

    private readonly string _insert =
        $"""
        INSERT INTO {schema}.memories ({Columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
        ON CONFLICT (namespace, identity_hash) DO NOTHING
        """;

    private readonly string _copy = $"COPY {schema}.memories ({Columns}) FROM STDIN (FORMAT BINARY)";

    /// <summary>One INSERT that refuses a duplicate; it does not say which memory is there already.</summary>
    public async Task StoreAsync(MemoryToStore memory)
    {
        await using var connection = await _writing.OpenConnectionAsync();
        await using var command = new NpgsqlCommand(_insert, connection);
        AddRow(command.Parameters, memory);
        if (await command.ExecuteNonQueryAsync() != 1)
            throw new InvalidOperationException("A new memory was refused.");
    }

    /// <summary>One binary COPY: the fastest way in, with no duplicate allowed and no answer but the count.</summary>
    public async Task StoreManyAsync(IReadOnlyList<MemoryToStore> memories)
    {
        await using var connection = await _writing.OpenConnectionAsync();
        await using var writer = await connection.BeginBinaryImportAsync(_copy);
        writer.Timeout = TimeSpan.Zero;
        foreach (var row in memories)
        {
            var memory = row.Memory;
            await writer.StartRowAsync();
            await writer.WriteAsync(memory.Namespace, NpgsqlDbType.Text);
            await writer.WriteAsync(row.Id, NpgsqlDbType.Uuid);
            await writer.WriteAsync(TypeNames.NameOf(memory.Type), NpgsqlDbType.Text);
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
        }

        await writer.CompleteAsync();

        Task TextAsync(string? value) =>
            value is null ? writer.WriteNullAsync() : writer.WriteAsync(value, NpgsqlDbType.Text);
    }

    private static void AddRow(NpgsqlParameterCollection parameters, MemoryToStore row)
    {
        var memory = row.Memory;
        parameters.Add(Text(memory.Namespace));
        parameters.Add(new NpgsqlParameter<Guid> { TypedValue = row.Id, NpgsqlDbType = NpgsqlDbType.Uuid });
        parameters.Add(Text(TypeNames.NameOf(memory.Type)));
        parameters.Add(Text(memory.Kind));
        parameters.Add(Text(memory.Content));
        parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = row.Hash, NpgsqlDbType = NpgsqlDbType.Bytea });
        parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = row.IdentityHash, NpgsqlDbType = NpgsqlDbType.Bytea });
        parameters.Add(new NpgsqlParameter<Vector> { TypedValue = new Vector(row.Vector), DataTypeName = "vector" });
        parameters.Add(new NpgsqlParameter<string> { TypedValue = row.Metadata, NpgsqlDbType = NpgsqlDbType.Jsonb });
        parameters.Add(new NpgsqlParameter<string[]> { TypedValue = row.Tags, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        parameters.Add(Text(memory.SourceSystem));
        parameters.Add(Text(memory.AgentId));
        parameters.Add(Text(memory.SessionId));
        parameters.Add(Text(memory.WorkflowId));
        parameters.Add(new NpgsqlParameter<float> { TypedValue = (float)memory.Importance, NpgsqlDbType = NpgsqlDbType.Real });
        parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = row.CreatedAt, NpgsqlDbType = NpgsqlDbType.TimestampTz });
    }

    private static NpgsqlParameter Text(string? value) => value is null
        ? new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text }
        : new NpgsqlParameter<string> { TypedValue = value, NpgsqlDbType = NpgsqlDbType.Text };
}
