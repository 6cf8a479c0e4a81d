using Npgsql;
using NpgsqlTypes;
using UnifiedMemory.Input;

namespace UnifiedMemory.Postgres;

internal sealed partial class MemoryTable
{
    /// <summary>The number of the first parameter after those of the memory: the details, then the source of one that was found, and the sinks.</summary>
    private const int FirstOfInsight = 18;

    /// <summary>By the number of sinks, for insights of their own, and for those found in a memory, which have to look for it.</summary>
    private readonly (string Own, string Found)[] _insertInsight =
        [.. Enumerable.Range(0, sinks.Count + 1).Select(count => (InsertInsight(schema, count, isFound: false), InsertInsight(schema, count, isFound: true)))];

    private readonly string _copyArrivals = $"COPY {schema.InsightArrivals} (namespace, memory_id, sink, details) FROM STDIN (FORMAT BINARY)";

    /// <summary>Not the one that it came from: what was imported from a system does not go back there.</summary>
    private string[] SinksFor(PreparedMemory memory) =>
        memory.IsForSinks ? [.. sinks.Where(sink => sink != memory.Source.SourceSystem)] : [];

    /// <summary>As the other INSERT, and a row in the arrivals for each sink where it created the memory.</summary>
    /// <remarks>In this form a sink takes 15 µs of the server's time; each index on the arrivals would take as much again.</remarks>
    private static string InsertInsight(StoreSchema schema, int sinks, bool isFound)
    {
        var condition = isFound ? $"WHERE EXISTS (SELECT FROM {schema.Memories} WHERE namespace = $1 AND id = ${FirstOfInsight + 1})" : "";
        var insert =
            $"""
            INSERT INTO {schema.Memories} AS stored ({WrittenColumns})
            SELECT {WrittenValues} {condition}
            {UnlessStored}
            """;
        if (sinks == 0)
            return insert;

        var first = isFound ? FirstOfInsight + 2 : FirstOfInsight + 1;
        var arrivals = Enumerable.Range(first, sinks).Select(number => $"SELECT $1, created.id, ${number}::text, ${FirstOfInsight}::jsonb FROM created");
        return
            $"""
            WITH created AS ({insert})
            INSERT INTO {schema.InsightArrivals} (namespace, memory_id, sink, details) {string.Join(" UNION ALL ", arrivals)}
            RETURNING memory_id
            """;
    }

    private void AddInsight(NpgsqlBatchCommand command, PreparedMemory memory, string[] waiting)
    {
        var (own, found) = _insertInsight[waiting.Length];
        command.CommandText = memory.Insight?.SourceId is null ? own : found;
        command.Parameters.Add(Typed(NpgsqlDbType.Jsonb, memory.Insight?.ToJson().ToJsonString()));
        if (memory.Insight?.SourceId is { } source)
            command.Parameters.Add(Typed(NpgsqlDbType.Uuid, source));
        foreach (var sink in waiting)
            command.Parameters.Add(Typed(NpgsqlDbType.Text, sink));
    }

    private async Task CopyArrivalsAsync(
        NpgsqlConnection connection, IEnumerable<(PreparedMemory Memory, string[] Sinks)> insights, CancellationToken token)
    {
        var writer = await connection.BeginBinaryImportAsync(_copyArrivals, token).ConfigureAwait(false);
        await using (writer.ConfigureAwait(false))
        {
            foreach (var (memory, waiting) in insights)
            {
                foreach (var sink in waiting)
                {
                    await writer.StartRowAsync(token).ConfigureAwait(false);
                    await writer.WriteAsync(memory.Source.Namespace, NpgsqlDbType.Text, token).ConfigureAwait(false);
                    await writer.WriteAsync(memory.Id, NpgsqlDbType.Uuid, token).ConfigureAwait(false);
                    await writer.WriteAsync(sink, NpgsqlDbType.Text, token).ConfigureAwait(false);
                    if (memory.Insight is { } facts)
                        await writer.WriteAsync(facts.ToJson().ToJsonString(), NpgsqlDbType.Jsonb, token).ConfigureAwait(false);
                    else
                        await writer.WriteNullAsync(token).ConfigureAwait(false);
                }
            }

            await writer.CompleteAsync(token).ConfigureAwait(false);
        }
    }
}
