using Npgsql;

namespace UnifiedMemory.Postgres;

/// <summary>
/// Reads memories by the place of their columns. Every search goes through here, and Dapper, which boxes each value, would add 4 %
/// to it.
/// </summary>
internal static class MemoryReader
{
    /// <summary>What a statement that reads memories selects first.</summary>
    public const string Columns =
        """
        id, namespace, memory_type, kind, content, metadata::text, tags, source_system, agent_id, session_id, workflow_id,
        importance, created_at, updated_at, expires_at
        """;

    /// <summary>How many these are.</summary>
    public const int Count = 15;

    public static MemoryRecord Read(NpgsqlDataReader row)
    {
        return new MemoryRecord
        {
            Id = row.GetGuid(0),
            Namespace = row.GetString(1),
            Type = MemoryTypeNames.Parse(row.GetString(2)),
            Kind = TextAt(3),
            Content = row.GetString(4),
            MetadataText = row.GetString(5),
            Tags = row.GetFieldValue<string[]>(6),
            SourceSystem = TextAt(7),
            AgentId = TextAt(8),
            SessionId = TextAt(9),
            WorkflowId = TextAt(10),
            Importance = row.GetFloat(11),
            CreatedAt = row.GetDateTime(12),
            UpdatedAt = row.GetDateTime(13),
            ExpiresAt = row.IsDBNull(14) ? null : row.GetDateTime(14),
        };

        string? TextAt(int column) => row.IsDBNull(column) ? null : row.GetString(column);
    }

    /// <summary>Runs a statement that yields rows.</summary>
    public static Task<List<T>> QueryAsync<T>(
        NpgsqlConnection connection, string sql, SqlParameters parameters, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken) =>
        QueryAsync(connection, settings: null, sql, parameters, read, cancellationToken);

    /// <summary>Runs a SELECT with settings of its own, in one round trip.</summary>
    public static async Task<List<T>> QueryAsync<T>(
        NpgsqlConnection connection, LocalSettings? settings, string sql, SqlParameters parameters, Func<NpgsqlDataReader, T> read,
        CancellationToken cancellationToken)
    {
        var batch = new NpgsqlBatch(connection);
        await using (batch.ConfigureAwait(false))
        {
            var command = new NpgsqlBatchCommand(sql);
            parameters.AddTo(command.Parameters);
            if (settings is null)
                batch.BatchCommands.Add(command);
            else
                settings.AddTo(batch.BatchCommands, command);

            var reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                if (settings is { YieldsRow: true })
                    await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
                var rows = new List<T>();
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                    rows.Add(read(reader));

                // What comes after the rows can fail too: COMMIT.
                while (await reader.NextResultAsync(cancellationToken).ConfigureAwait(false))
                {
                }

                return rows;
            }
        }
    }

    public static async Task<MemoryRecord?> FindAsync(
        NpgsqlConnection connection, string sql, SqlParameters parameters, CancellationToken cancellationToken) =>
        (await QueryAsync(connection, sql, parameters, Read, cancellationToken).ConfigureAwait(false)).SingleOrDefault();
}
