using Npgsql;
using NpgsqlTypes;
using Pgvector;
using UnifiedMemory.Input;

namespace UnifiedMemory.Postgres;

internal sealed partial class MemoryTable
{
    /// <summary>Below it the two round trips that a COPY takes more than an INSERT cost more than it gains.</summary>
    private const int FewestToCopy = 20;

    private readonly string _copy = $"COPY {schema.Memories} ({WrittenColumns}) FROM STDIN (FORMAT BINARY)";

    /// <summary>Null, and nothing written, when one of them is there already. Of equal ones among them the first is written.</summary>
    private async Task<bool[]?> TryCopyAsync(
        NpgsqlConnection connection, IReadOnlyList<(PreparedMemory Memory, float[] Vector)> memories, int[] order, CancellationToken cancellationToken)
    {
        var created = new bool[memories.Count];
        var seen = new HashSet<MemoryIdentity>(memories.Count);
        var skipped = new HashSet<Guid>();
        foreach (var index in order)
        {
            var memory = memories[index].Memory;
            created[index] = !(memory.Insight?.SourceId is { } source && skipped.Contains(source)) && seen.Add(memory.Identity);
            if (!created[index])
                skipped.Add(memory.Id);
        }

        var written = order.Where(index => created[index]).Select(index => memories[index]).ToList();
        var arriving = written.Select(item => (item.Memory, Sinks: SinksFor(item.Memory))).Where(insight => insight.Sinks.Length > 0).ToList();
        try
        {
            if (arriving.Count == 0)
            {
                await CopyAsync(connection, written, cancellationToken).ConfigureAwait(false);
                return created;
            }

            var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await using (transaction.ConfigureAwait(false))
            {
                await CopyAsync(connection, written, cancellationToken).ConfigureAwait(false);
                await CopyArrivalsAsync(connection, arriving, cancellationToken).ConfigureAwait(false);
                await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
            }

            return created;
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            return null;
        }
    }

    private async Task CopyAsync(
        NpgsqlConnection connection, IEnumerable<(PreparedMemory Memory, float[] Vector)> memories, CancellationToken cancellationToken)
    {
        var writer = await connection.BeginBinaryImportAsync(_copy, cancellationToken).ConfigureAwait(false);
        await using (writer.ConfigureAwait(false))
        {
            foreach (var (memory, vector) in memories)
                await WriteRowAsync(writer, memory, vector, cancellationToken).ConfigureAwait(false);
            await writer.CompleteAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private static async Task WriteRowAsync(NpgsqlBinaryImporter writer, PreparedMemory memory, float[] vector, CancellationToken token)
    {
        var source = memory.Source;
        await writer.StartRowAsync(token).ConfigureAwait(false);
        await writer.WriteAsync(source.Namespace, NpgsqlDbType.Text, token).ConfigureAwait(false);
        await writer.WriteAsync(memory.Id, NpgsqlDbType.Uuid, token).ConfigureAwait(false);
        await writer.WriteAsync(MemoryTypeNames.NameOf(source.Type), NpgsqlDbType.Text, token).ConfigureAwait(false);
        await TextAsync(source.Kind).ConfigureAwait(false);
        await writer.WriteAsync(source.Content, NpgsqlDbType.Text, token).ConfigureAwait(false);
        await writer.WriteAsync(memory.ContentHash, NpgsqlDbType.Bytea, token).ConfigureAwait(false);
        await writer.WriteAsync(memory.IdentityHash, NpgsqlDbType.Bytea, token).ConfigureAwait(false);
        await writer.WriteAsync(new Vector(vector), "vector", token).ConfigureAwait(false);
        await writer.WriteAsync(memory.MetadataJson, NpgsqlDbType.Jsonb, token).ConfigureAwait(false);
        await writer.WriteAsync(memory.Tags, NpgsqlDbType.Array | NpgsqlDbType.Text, token).ConfigureAwait(false);
        await TextAsync(source.SourceSystem).ConfigureAwait(false);
        await TextAsync(source.AgentId).ConfigureAwait(false);
        await TextAsync(source.SessionId).ConfigureAwait(false);
        await TextAsync(source.WorkflowId).ConfigureAwait(false);
        await writer.WriteAsync((float)source.Importance, NpgsqlDbType.Real, token).ConfigureAwait(false);
        await writer.WriteAsync(memory.CreatedAt, NpgsqlDbType.TimestampTz, token).ConfigureAwait(false);
        if (ExpiryOf(source) is { } expiry)
            await writer.WriteAsync(expiry, NpgsqlDbType.TimestampTz, token).ConfigureAwait(false);
        else
            await writer.WriteNullAsync(token).ConfigureAwait(false);

        Task TextAsync(string? value) =>
            value is null ? writer.WriteNullAsync(token) : writer.WriteAsync(value, NpgsqlDbType.Text, token);
    }
}
