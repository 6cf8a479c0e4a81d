using Dapper;
using Npgsql;
using UnifiedMemory.Backup.Contents;

namespace UnifiedMemory.Backup.Verifying;

/// <summary>Compares a restored database with the manifest of its backup.</summary>
/// <param name="manifest">What was recorded.</param>
/// <param name="insights">What was marked; <c>null</c> when nothing was.</param>
internal sealed class ContentChecks(BackupManifest manifest, QueuedInsights? insights)
{
    private const string InvalidSql =
        """
        SELECT n.nspname || '.' || c.relname
        FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY(@schemas) AND NOT (i.indisvalid AND i.indisready)
        """;

    private readonly StoreNames _names = new(manifest.SchemaPrefix);

    /// <returns>What was found; <c>null</c> when there is no such store.</returns>
    public async Task<RecordedContents?> RunAsync(CheckList checks, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        await using (transaction.ConfigureAwait(false))
        {
            RecordedContents? restored = null;
            await checks.RunAsync("versions", async () =>
            {
                restored = await new ContentReader(_names).ReadAsync(connection, withRows: false, cancellationToken).ConfigureAwait(false);
                return CompareVersions(restored);
            }).ConfigureAwait(false);
            if (restored is null)
                return null;
            if (manifest.Kind == BackupKind.Logical)
            {
                await checks.RunAsync("rows", () => CompareRowsAsync(connection, cancellationToken)).ConfigureAwait(false);
                await checks.RunAsync("samples", () => CompareSamplesAsync(connection, cancellationToken)).ConfigureAwait(false);
            }
            else
            {
                await checks.RunAsync("rows", () => CountRowsAsync(connection, restored.Tables, cancellationToken)).ConfigureAwait(false);
            }

            await checks.RunAsync("indexes", () => CompareIndexesAsync(connection, restored, cancellationToken)).ConfigureAwait(false);
            await checks.RunAsync("constraints", () => Task.FromResult(CompareNames("constraints", manifest.Constraints, restored.Constraints))).ConfigureAwait(false);
            return restored;
        }
    }

    /// <summary>After a physical backup the log goes on, and with it what the store is; a dump holds it as it was recorded.</summary>
    private string CompareVersions(RecordedContents restored)
    {
        var recorded = manifest.Extensions.GetValueOrDefault("vector");
        var found = restored.Extensions.GetValueOrDefault("vector");
        Require(found is not null && (found == recorded || !IsOlder(found, recorded)), $"the extension vector has version {found ?? "none"}, and {recorded ?? "none"} was backed up");
        List<string> changed = [];
        Compare("schema version", restored.SchemaVersion, manifest.SchemaVersion, $"the schema is at version {restored.SchemaVersion}, and {manifest.SchemaVersion} was backed up");
        Compare("embedding space", restored.Space, manifest.Space, $"the embedding space is {restored.Space.Model}, and {manifest.Space.Model} was backed up");
        Compare(
            "text search configuration", restored.TextSearchConfiguration, manifest.TextSearchConfiguration,
            $"the text search configuration is {restored.TextSearchConfiguration}, and {manifest.TextSearchConfiguration} was backed up");
        return $"PostgreSQL {restored.ServerVersion} (backed up: {manifest.ServerVersion}), vector {found}{(found == recorded ? "" : $" (backed up: {recorded})")}, "
            + $"schema version {restored.SchemaVersion}{(changed.Count == 0 ? "" : $"; changed in the log after the backup: {string.Join(", ", changed)}")}";

        void Compare<T>(string what, T now, T then, string otherwise)
        {
            if (EqualityComparer<T>.Default.Equals(now, then))
                return;
            Require(manifest.Kind == BackupKind.Physical, otherwise);
            changed.Add(what);
        }
    }

    private static bool IsOlder(string version, string? than) =>
        Version.TryParse(version, out var one) && Version.TryParse(than, out var other) && one < other;

    private async Task<string> CompareRowsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var wrong = new List<string>();
        foreach (var table in manifest.Tables)
        {
            var rows = await CountAsync(connection, table, cancellationToken).ConfigureAwait(false);
            if (rows != table.Rows)
                wrong.Add($"{table.Schema}.{table.Name} has {rows} rows, and {table.Rows} were backed up");
        }

        Require(wrong.Count == 0, string.Join(", ", wrong));
        return $"{manifest.Tables.Sum(table => table.Rows)} rows in {manifest.Tables.Count} tables, as recorded";
    }

    private static async Task<string> CountRowsAsync(
        NpgsqlConnection connection, IReadOnlyList<RecordedTable> tables, CancellationToken cancellationToken)
    {
        var rows = 0L;
        foreach (var table in tables)
            rows += await CountAsync(connection, table, cancellationToken).ConfigureAwait(false);
        return $"{rows} rows in {tables.Count} tables; of which moment is told by the recovery, so they are not compared";
    }

    private async Task<string> CompareSamplesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var compared = 0;
        foreach (var table in manifest.Tables.Where(table => table.Samples.Count > 0))
        {
            var found = insights?.RestoredRows(table) ?? (await connection.QueryAsync<(string Key, string Hash)>(new CommandDefinition(
                RowText.Samples(table), new { keys = RowText.SampledKeys(table) }, cancellationToken: cancellationToken)).ConfigureAwait(false))
                .ToLookup(row => row.Key, row => row.Hash);
            foreach (var row in table.Samples)
            {
                Require(
                    found[row.Key ?? row.Sha256].Contains(row.Sha256),
                    $"a row of {table.Schema}.{table.Name} is {(found.Contains(row.Key ?? row.Sha256) ? "another one" : "missing")}"
                    + (row.Key is null ? "" : $": {row.Key}"));
                compared++;
            }
        }

        return $"{compared} sampled rows are the same";
    }

    private async Task<string> CompareIndexesAsync(NpgsqlConnection connection, RecordedContents restored, CancellationToken cancellationToken)
    {
        var invalid = (await connection.QueryAsync<string>(new CommandDefinition(
            InvalidSql, new { schemas = _names.All }, cancellationToken: cancellationToken)).ConfigureAwait(false)).AsList();
        Require(invalid.Count == 0, $"not valid: {string.Join(", ", invalid)}");
        return CompareNames("indexes", manifest.Indexes, restored.Indexes);
    }

    /// <summary>A physical backup is of a later moment than its manifest, and an index may have been exchanged in between.</summary>
    private string CompareNames(string what, IReadOnlyList<string> recorded, IReadOnlyList<string> found)
    {
        var missing = recorded.Except(found).ToList();
        Require(missing.Count == 0 || manifest.Kind == BackupKind.Physical, $"missing or not valid: {string.Join(", ", missing)}");
        return $"{found.Count} {what}, all valid";
    }

    private static Task<long> CountAsync(NpgsqlConnection connection, RecordedTable table, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<long>(new CommandDefinition(
            $"SELECT count(*) FROM {RowText.Table(table.Schema, table.Name)}", cancellationToken: cancellationToken));

    private static void Require(bool condition, string otherwise)
    {
        if (!condition)
            throw new CheckFailedException(otherwise);
    }
}
