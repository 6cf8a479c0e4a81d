using Npgsql;
using NpgsqlTypes;
using Pgvector;

namespace UnifiedMemory.Benchmarks.Raw;

/// <summary>Stores one memory by hand: the library's look-up and its INSERT … ON CONFLICT, prepared, on one connection.</summary>
internal sealed class RawStore(NpgsqlDataSource dataSource, IReadOnlyList<RawStatement> find, string insert)
{
    public async Task<bool> StoreAsync(RawRow row)
    {
        await using var connection = await dataSource.OpenConnectionAsync();
        await using (var batch = new NpgsqlBatch(connection))
        {
            foreach (var statement in find)
            {
                var command = new NpgsqlBatchCommand(statement.Sql);
                foreach (var name in statement.Parameters)
                    command.Parameters.Add(FindParameter(name, row));
                batch.BatchCommands.Add(command);
            }

            await using var found = await batch.ExecuteReaderAsync();
            if (await found.ReadAsync())
                return false;
        }

        await using var store = new NpgsqlCommand(insert, connection);
        AddRow(store.Parameters, row);
        await using var stored = await store.ExecuteReaderAsync();
        return await stored.ReadAsync();
    }

    private static NpgsqlParameter FindParameter(string name, RawRow row) => name switch
    {
        "namespaces" => Texts([row.Memory.Namespace]),
        "identities" => new NpgsqlParameter<byte[][]> { TypedValue = [row.IdentityHash], NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea },
        _ => throw new InvalidOperationException($"The library's look-up has a parameter '{name}' that {nameof(RawStore)} does not know. Add it."),
    };

    /// <summary>In the order of the library's INSERT.</summary>
    private static void AddRow(NpgsqlParameterCollection parameters, RawRow row)
    {
        var memory = row.Memory;
        parameters.Add(Text(memory.Namespace));
        parameters.Add(new NpgsqlParameter<Guid> { TypedValue = row.Id, NpgsqlDbType = NpgsqlDbType.Uuid });
        parameters.Add(Text(RawTypes.NameOf(memory.Type)));
        parameters.Add(Text(memory.Kind));
        parameters.Add(Text(memory.Content));
        parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = row.Hash, NpgsqlDbType = NpgsqlDbType.Bytea });
        parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = row.IdentityHash, NpgsqlDbType = NpgsqlDbType.Bytea });
        parameters.Add(new NpgsqlParameter<Vector> { TypedValue = new Vector(row.Vector), DataTypeName = "vector" });
        parameters.Add(new NpgsqlParameter<string> { TypedValue = row.Metadata, NpgsqlDbType = NpgsqlDbType.Jsonb });
        parameters.Add(Texts(row.Tags));
        parameters.Add(Text(memory.SourceSystem));
        parameters.Add(Text(memory.AgentId));
        parameters.Add(Text(memory.SessionId));
        parameters.Add(Text(memory.WorkflowId));
        parameters.Add(new NpgsqlParameter<float> { TypedValue = (float)memory.Importance, NpgsqlDbType = NpgsqlDbType.Real });
        parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = row.CreatedAt, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        parameters.Add(new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz });
    }

    private static NpgsqlParameter Text(string? value) => value is null
        ? new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text }
        : new NpgsqlParameter<string> { TypedValue = value, NpgsqlDbType = NpgsqlDbType.Text };

    private static NpgsqlParameter<string?[]> Texts(string?[] values) =>
        new() { TypedValue = values, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };
}
