using Dapper;
using Npgsql;
using UnifiedMemory.Backup.Contents;
using UnifiedMemory.Backup.Programs;

namespace UnifiedMemory.Backup.Verifying;

/// <summary>Everything that is checked of a store that was restored, wherever it is.</summary>
internal sealed class RestoredStore(PostgresPrograms programs, BackupManifest manifest)
{
    /// <param name="checks">Where the outcome goes.</param>
    /// <param name="address">The database.</param>
    /// <param name="isScratch">Whether it is thrown away afterwards, and so may be changed.</param>
    /// <param name="isLater">Whether it is of a later moment than its backup.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>Whether the store opens.</returns>
    public async Task<bool> CheckAsync(CheckList checks, ServerAddress address, bool isScratch, bool isLater, CancellationToken cancellationToken)
    {
        RecordedContents? contents;
        var connection = await address.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            var major = connection.PostgreSqlVersion.Major;
            contents = await new ContentChecks(manifest).RunAsync(checks, connection, cancellationToken).ConfigureAwait(false);
            if (!isScratch)
                await checks.RunAsync("insights", () => MarkInsightsAsync(connection, cancellationToken)).ConfigureAwait(false);
            await new StructureCheck(programs).RunAsync(checks, address, manifest.Schemas, major, isScratch, cancellationToken).ConfigureAwait(false);
        }

        // The last one, as it may migrate.
        await new StoreAnswers(manifest, contents).RunAsync(checks, address.ConnectionString, isScratch, isLater, cancellationToken).ConfigureAwait(false);
        return checks.HasPassed("store");
    }

    /// <summary>What was queued then may have been delivered since. From the second attempt on, a sink looks whether it has it.</summary>
    private async Task<string> MarkInsightsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var sql = $"UPDATE {RowText.Table(new StoreNames(manifest.SchemaPrefix).Main, "insight_outbox")} SET attempts = greatest(attempts, 1), lease_id = NULL, leased_until = NULL";
        try
        {
            var rows = await connection.ExecuteAsync(new CommandDefinition(sql, cancellationToken: cancellationToken)).ConfigureAwait(false);
            return $"{rows} queued ones are marked as tried, since they may have been delivered after the backup";
        }
        catch (PostgresException exception) when (exception.SqlState is PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.UndefinedTable)
        {
            throw new CheckSkippedException($"{exception.MessageText}. Insights may be delivered twice. If there is an outbox, run this before a host starts: {sql}");
        }
    }
}
