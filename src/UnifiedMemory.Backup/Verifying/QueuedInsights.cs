using Dapper;
using Npgsql;
using UnifiedMemory.Backup.Contents;

namespace UnifiedMemory.Backup.Verifying;

/// <summary>What is queued for sinks in a restored store: it may have been delivered after the backup.</summary>
internal sealed class QueuedInsights(BackupManifest manifest)
{
    /// <summary>
    /// From the second attempt on, a sink looks whether it has it. What a running host has claimed since is left to it: a claim counts an
    /// attempt, and its lease goes on. In the order in which rows move through the tables.
    /// </summary>
    private static readonly (string Table, string Mark)[] Queues =
    [
        ("insight_arrivals", "SET attempts = 1 WHERE attempts = 0"),
        ("insight_outbox", "SET attempts = greatest(attempts, 1), lease_id = NULL, leased_until = NULL WHERE attempts = 0 OR leased_until <= now()"),
    ];

    private readonly string _schema = new StoreNames(manifest.SchemaPrefix).Main;
    private readonly Dictionary<string, ILookup<string, string>> _restored = [];
    private string _outcome = "not marked yet";
    private bool _isMarked;

    private string MarkSql => string.Join("; ", Queues.Select(queue => $"UPDATE {RowText.Table(_schema, queue.Table)} {queue.Mark}"));

    /// <summary>Marks them as tried.</summary>
    public async Task MarkAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await using (transaction.ConfigureAwait(false))
            {
                await connection.ExecuteAsync(new CommandDefinition(RowText.Settings, cancellationToken: cancellationToken)).ConfigureAwait(false);
                var marked = 0L;
                foreach (var (table, mark) in Queues)
                    marked += await MarkAsync(connection, table, mark, cancellationToken).ConfigureAwait(false);
                await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
                _outcome = $"{marked} queued ones are marked as tried, since they may have been delivered after the backup";
                _isMarked = true;
            }
        }
        catch (PostgresException exception) when (exception.SqlState is PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.UndefinedTable)
        {
            _outcome = $"{exception.MessageText}. Insights may be delivered twice. Where these tables are there, run this before a host starts: {MarkSql}";
        }
    }

    /// <summary>What came of it, for the report.</summary>
    /// <exception cref="CheckSkippedException">They are not marked.</exception>
    public string Outcome() => _isMarked ? _outcome : throw new CheckSkippedException(_outcome);

    /// <returns>Key and hash of sampled rows as they were restored; <c>null</c> when those in the table are still the same.</returns>
    public ILookup<string, string>? RestoredRows(RecordedTable table) => table.Schema == _schema ? _restored.GetValueOrDefault(table.Name) : null;

    /// <summary>
    /// In the same statement, and so of the moment before, it reads the rows that a check compares with the manifest: marked, they would be
    /// other ones.
    /// </summary>
    private async Task<long> MarkAsync(NpgsqlConnection connection, string name, string mark, CancellationToken cancellationToken)
    {
        var queue = RowText.Table(_schema, name);

        // A backup may be older than the table.
        if (!await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            "SELECT to_regclass(@queue) IS NOT NULL", new { queue }, cancellationToken: cancellationToken)).ConfigureAwait(false))
            return 0;

        // After a physical backup the log goes on, and no rows are compared.
        var table = manifest.Kind == BackupKind.Logical ? manifest.Tables.FirstOrDefault(one => one.Name == name && one.Schema == _schema) : null;
        var samples = table is null ? "SELECT NULL::text AS key, NULL::text AS hash WHERE false" : RowText.Samples(table);
        var sql =
            $"""
            WITH marked AS (UPDATE {queue} {mark} RETURNING 1), restored AS ({samples})
            SELECT (SELECT count(*) FROM marked) AS "Marked",
                   (SELECT array_agg(key ORDER BY key, hash) FROM restored) AS "Keys", (SELECT array_agg(hash ORDER BY key, hash) FROM restored) AS "Hashes"
            """;
        var found = await connection.QuerySingleAsync<MarkedRow>(new CommandDefinition(
            sql, new { keys = table is null ? [] : RowText.SampledKeys(table) }, cancellationToken: cancellationToken)).ConfigureAwait(false);
        _restored[name] = (found.Keys ?? []).Zip(found.Hashes ?? []).ToLookup(row => row.First, row => row.Second);
        return found.Marked;
    }

    private sealed record MarkedRow
    {
        public long Marked { get; init; }

        public string[]? Keys { get; init; }

        public string[]? Hashes { get; init; }
    }
}
