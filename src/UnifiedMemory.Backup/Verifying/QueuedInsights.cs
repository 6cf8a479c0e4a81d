using Dapper;
using Npgsql;
using UnifiedMemory.Backup.Contents;

namespace UnifiedMemory.Backup.Verifying;

/// <summary>What is queued for sinks in a restored store: it may have been delivered after the backup.</summary>
internal sealed class QueuedInsights(BackupManifest manifest)
{
    private const string TableName = "insight_outbox";

    private readonly string _schema = new StoreNames(manifest.SchemaPrefix).Main;

    private ILookup<string, string>? _restored;
    private string _outcome = "not marked yet";
    private bool _isMarked;

    /// <summary>
    /// From the second attempt on, a sink looks whether it has it. What a running host has claimed since is left to it: a claim counts an
    /// attempt, and its lease goes on.
    /// </summary>
    private string MarkSql =>
        $"UPDATE {RowText.Table(_schema, TableName)} SET attempts = greatest(attempts, 1), lease_id = NULL, leased_until = NULL WHERE attempts = 0 OR leased_until <= now()";

    /// <summary>
    /// Marks them as tried. In the same statement, and so of the moment before, it reads the rows that a check compares with the manifest:
    /// marked, they would be other ones.
    /// </summary>
    public async Task MarkAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        // After a physical backup the log goes on, and no rows are compared.
        var table = manifest.Kind == BackupKind.Logical ? manifest.Tables.FirstOrDefault(IsQueue) : null;
        var samples = table is null ? "SELECT NULL::text AS key, NULL::text AS hash WHERE false" : RowText.Samples(table);
        var sql =
            $"""
            WITH marked AS ({MarkSql} RETURNING 1), restored AS ({samples})
            SELECT (SELECT count(*) FROM marked) AS "Marked",
                   (SELECT array_agg(key ORDER BY key, hash) FROM restored) AS "Keys", (SELECT array_agg(hash ORDER BY key, hash) FROM restored) AS "Hashes"
            """;
        try
        {
            var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await using (transaction.ConfigureAwait(false))
            {
                await connection.ExecuteAsync(new CommandDefinition(RowText.Settings, cancellationToken: cancellationToken)).ConfigureAwait(false);
                var found = await connection.QuerySingleAsync<MarkedRow>(new CommandDefinition(
                    sql, new { keys = table is null ? [] : RowText.SampledKeys(table) }, cancellationToken: cancellationToken)).ConfigureAwait(false);
                await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
                _restored = (found.Keys ?? []).Zip(found.Hashes ?? []).ToLookup(row => row.First, row => row.Second);
                _outcome = $"{found.Marked} queued ones are marked as tried, since they may have been delivered after the backup";
                _isMarked = true;
            }
        }
        catch (PostgresException exception) when (exception.SqlState is PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.UndefinedTable)
        {
            _outcome = $"{exception.MessageText}. Insights may be delivered twice. If there is an outbox, run this before a host starts: {MarkSql}";
        }
    }

    /// <summary>What came of it, for the report.</summary>
    /// <exception cref="CheckSkippedException">They are not marked.</exception>
    public string Outcome() => _isMarked ? _outcome : throw new CheckSkippedException(_outcome);

    /// <returns>Key and hash of sampled rows as they were restored; <c>null</c> when those in the table are still the same.</returns>
    public ILookup<string, string>? RestoredRows(RecordedTable table) => IsQueue(table) ? _restored : null;

    private bool IsQueue(RecordedTable table) => table.Name == TableName && table.Schema == _schema;

    private sealed record MarkedRow
    {
        public long Marked { get; init; }

        public string[]? Keys { get; init; }

        public string[]? Hashes { get; init; }
    }
}
