using Npgsql;
using NpgsqlTypes;
using UnifiedMemory.Insights;

namespace UnifiedMemory.Postgres;

internal sealed partial class MemoryTable
{
    private const string QueuedColumns =
        "namespace, memory_id, sink, content, insight_type, confidence, topics, projects, source_id, created_at";

    /// <summary>
    /// As the other INSERT, and a row for each sink where it created the memory. An attempt that is repeated finds the row there when
    /// the memory had expired at once.
    /// </summary>
    private readonly string _insertInsight =
        $"""
        WITH created AS (
            INSERT INTO {schema.Memories} AS stored ({WrittenColumns})
            SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17
            WHERE $22 IS NULL OR EXISTS (SELECT FROM {schema.Memories} WHERE namespace = $1 AND id = $22)
            {UnlessStored}),
        queued AS (
            INSERT INTO {schema.InsightOutbox} ({QueuedColumns})
            SELECT $1, created.id, sink, $5, $18, $19, $20, $21, $22, $16 FROM created, unnest($23) AS sink
            ON CONFLICT DO NOTHING)
        SELECT id FROM created
        """;

    private readonly string _copyQueued = $"COPY {schema.InsightOutbox} ({QueuedColumns}) FROM STDIN (FORMAT BINARY)";

    /// <summary>One that the host stored as such is a memory like others where nobody waits for it.</summary>
    private bool IsWrittenAsInsight(Input.PreparedMemory memory) =>
        memory.Insight is { } insight && (sinks.Count > 0 || insight.SourceId is not null);

    /// <summary>Not the one that it came from: what was imported from a system does not go back there.</summary>
    private string[] SinksFor(Input.PreparedMemory memory) => [.. sinks.Where(sink => sink != memory.Source.SourceSystem)];

    private void AddInsight(NpgsqlBatchCommand command, Input.PreparedMemory memory, InsightFacts insight)
    {
        command.CommandText = _insertInsight;
        command.Parameters.Add(Typed(NpgsqlDbType.Text, InsightTypeNames.NameOf(insight.Type)));
        command.Parameters.Add(Typed(NpgsqlDbType.Double, insight.Confidence));
        command.Parameters.Add(Typed(NpgsqlDbType.Array | NpgsqlDbType.Text, insight.Topics));
        command.Parameters.Add(Typed(NpgsqlDbType.Array | NpgsqlDbType.Text, insight.Projects));
        command.Parameters.Add(Typed(NpgsqlDbType.Uuid, insight.SourceId));
        command.Parameters.Add(Typed(NpgsqlDbType.Array | NpgsqlDbType.Text, SinksFor(memory)));
    }

    private async Task CopyQueuedAsync(
        NpgsqlConnection connection, IEnumerable<Input.PreparedMemory> insights, CancellationToken token)
    {
        var writer = await connection.BeginBinaryImportAsync(_copyQueued, token).ConfigureAwait(false);
        await using (writer.ConfigureAwait(false))
        {
            foreach (var memory in insights)
            {
                foreach (var sink in SinksFor(memory))
                    await WriteQueuedAsync(writer, memory, memory.Insight!, sink, token).ConfigureAwait(false);
            }

            await writer.CompleteAsync(token).ConfigureAwait(false);
        }
    }

    private static async Task WriteQueuedAsync(
        NpgsqlBinaryImporter writer, Input.PreparedMemory memory, InsightFacts insight, string sink, CancellationToken token)
    {
        const NpgsqlDbType texts = NpgsqlDbType.Array | NpgsqlDbType.Text;
        await writer.StartRowAsync(token).ConfigureAwait(false);
        await writer.WriteAsync(memory.Source.Namespace, NpgsqlDbType.Text, token).ConfigureAwait(false);
        await writer.WriteAsync(memory.Id, NpgsqlDbType.Uuid, token).ConfigureAwait(false);
        await writer.WriteAsync(sink, NpgsqlDbType.Text, token).ConfigureAwait(false);
        await writer.WriteAsync(memory.Source.Content, NpgsqlDbType.Text, token).ConfigureAwait(false);
        await writer.WriteAsync(InsightTypeNames.NameOf(insight.Type), NpgsqlDbType.Text, token).ConfigureAwait(false);
        await writer.WriteAsync(insight.Confidence, NpgsqlDbType.Double, token).ConfigureAwait(false);
        await writer.WriteAsync(insight.Topics, texts, token).ConfigureAwait(false);
        await writer.WriteAsync(insight.Projects, texts, token).ConfigureAwait(false);
        if (insight.SourceId is { } source)
            await writer.WriteAsync(source, NpgsqlDbType.Uuid, token).ConfigureAwait(false);
        else
            await writer.WriteNullAsync(token).ConfigureAwait(false);
        await writer.WriteAsync(memory.CreatedAt, NpgsqlDbType.TimestampTz, token).ConfigureAwait(false);
    }
}
