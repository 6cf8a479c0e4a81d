using System.Globalization;
using Dapper;
using Npgsql;
using UnifiedMemory.Backup.Contents;
using UnifiedMemory.Backup.Programs;

namespace UnifiedMemory.Backup.Restoring;

/// <summary>The database that is restored into: created when it is missing, and never one with such a store unless asked twice.</summary>
internal static class DestinationDatabase
{
    private const string ExistingSql = "SELECT nspname::text FROM pg_namespace WHERE nspname = ANY(@schemas) ORDER BY 1";

    public static async Task<ServerAddress> PrepareAsync(
        RestoreOptions options, BackupManifest manifest, TimeProvider time, CancellationToken cancellationToken)
    {
        var address = new ServerAddress(options.ConnectionString);
        var connection = await OpenOrCreateAsync(address, cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            var existing = (await connection.QueryAsync<string>(new CommandDefinition(
                ExistingSql, new { schemas = manifest.Schemas }, cancellationToken: cancellationToken)).ConfigureAwait(false)).AsList();
            if (existing.Count == 0)
                return address;
            RequireConsent(options, existing, connection.Database);

            // Not dropped: until the restored store is seen to be the right one, the old one can be looked at.
            var suffix = time.GetUtcNow().UtcDateTime.ToString("'_until_'yyyyMMddHHmmss", CultureInfo.InvariantCulture);
            var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await using (transaction.ConfigureAwait(false))
            {
                foreach (var schema in existing)
                {
                    await connection.ExecuteAsync(new CommandDefinition(
                        $"ALTER SCHEMA {RowText.Quote(schema)} RENAME TO {RowText.Quote(schema + suffix)}", cancellationToken: cancellationToken)).ConfigureAwait(false);
                }

                await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
            }

            return address;
        }
    }

    private static void RequireConsent(RestoreOptions options, IReadOnlyList<string> existing, string database)
    {
        if (options.ReplaceExisting && options.ConfirmDatabase == database)
            return;
        throw new InvalidOperationException(
            $"The database '{database}' has {string.Join(", ", existing.Select(schema => $"the schema '{schema}'"))}. Restore into another database, which is created; "
            + $"or, to put the backup in its place, set ReplaceExisting and also ConfirmDatabase = \"{database}\".");
    }

    private static async Task<NpgsqlConnection> OpenOrCreateAsync(ServerAddress address, CancellationToken cancellationToken)
    {
        try
        {
            return await address.OpenAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.InvalidCatalogName)
        {
            var server = await address.With(change => change.Database = "postgres").OpenAsync(cancellationToken).ConfigureAwait(false);
            await using (server.ConfigureAwait(false))
            {
                await server.ExecuteAsync(new CommandDefinition(
                    $"CREATE DATABASE {RowText.Quote(address.Database)} TEMPLATE template0", cancellationToken: cancellationToken)).ConfigureAwait(false);
            }

            return await address.OpenAsync(cancellationToken).ConfigureAwait(false);
        }
    }
}
