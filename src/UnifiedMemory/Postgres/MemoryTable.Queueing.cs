using Npgsql;
using NpgsqlTypes;
using UnifiedMemory.Insights;

namespace UnifiedMemory.Postgres;

internal sealed partial class MemoryTable
{
    /// <summary>The number of the first parameter that names a sink.</summary>
    private const int FirstSink = 23;

    private const string QueuedColumns =
        "namespace, memory_id, sink, content, insight_type, confidence, topics, projects, source_id, created_at";

    /// <summary>By the number of sinks, for insights of their own, and for those found in a memory, which have to look for it.</summary>
    private readonly (string Own, string Found)[] _insertInsight =
        [.. Enumerable.Range(0, sinks.Count + 1).Select(count => (InsertInsight(schema, count, isFound: false), InsertInsight(schema, count, isFound: true)))];

    private readonly string _copyQueued = $"COPY {schema.InsightOutbox} ({QueuedColumns}) FROM STDIN (FORMAT BINARY)";

    /// <summary>One that the host stored as such is a memory like others where nobody waits for it.</summary>
    private bool IsWrittenAsInsight(Input.PreparedMemory memory) =>
        memory.Insight is { } insight && (sinks.Count > 0 || insight.SourceId is not null);

    /// <summary>Not the one that it came from: what was imported from a system does not go back there.</summary>
    private string[] SinksFor(Input.PreparedMemory memory) => [.. sinks.Where(sink => sink != memory.Source.SourceSystem)];

    /// <summary>
    /// As the other INSERT, and a row for each sink where it created the memory. An attempt that is repeated finds the row there when
    /// the memory had expired at once.
    /// </summary>
    /// <remarks>
    /// The row of one sink is 32 µs of the server's time; a look for a source that there is none of would be 9 µs more, and the names of
    /// the sinks as an array 8 µs.
    /// </remarks>
    private static string InsertInsight(StoreSchema schema, int sinks, bool isFound)
    {
        var condition = isFound ? $"WHERE EXISTS (SELECT FROM {schema.Memories} WHERE namespace = $1 AND id = $22)" : "";
        if (sinks == 0)
        {
            return
                $"""
                INSERT INTO {schema.Memories} AS stored ({WrittenColumns})
                SELECT {WrittenValues} {condition}
                {UnlessStored}
                """;
        }

        var names = string.Join(", ", Enumerable.Range(FirstSink, sinks).Select(number => $"(${number}::text)"));
        return
            $"""
            WITH created AS (
                INSERT INTO {schema.Memories} AS stored ({WrittenColumns})
                SELECT {WrittenValues} {condition}
                {UnlessStored}),
            queued AS (
                INSERT INTO {schema.InsightOutbox} ({QueuedColumns})
                SELECT $1, created.id, waiting.sink, $5, $18, $19, $20, $21, $22, $16 FROM created, (VALUES {names}) AS waiting (sink)
                ON CONFLICT DO NOTHING)
            SELECT id FROM created
            """;
    }

    private void AddInsight(NpgsqlBatchCommand command, Input.PreparedMemory memory, InsightFacts insight)
    {
        var waiting = SinksFor(memory);
        var (own, found) = _insertInsight[waiting.Length];
        command.CommandText = insight.SourceId is null ? own : found;
        command.Parameters.Add(Typed(NpgsqlDbType.Text, InsightTypeNames.NameOf(insight.Type)));
        command.Parameters.Add(Typed(NpgsqlDbType.Double, insight.Confidence));
        command.Parameters.Add(Typed(NpgsqlDbType.Array | NpgsqlDbType.Text, insight.Topics));
        command.Parameters.Add(Typed(NpgsqlDbType.Array | NpgsqlDbType.Text, insight.Projects));
        command.Parameters.Add(Typed(NpgsqlDbType.Uuid, insight.SourceId));
        foreach (var sink in waiting)
            command.Parameters.Add(Typed(NpgsqlDbType.Text, sink));
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
