using System.Globalization;
using Dapper;
using Npgsql;
using UnifiedMemory.Backup.Contents;
using UnifiedMemory.Backup.Programs;

namespace UnifiedMemory.Backup.Restoring;

/// <summary>The database that is restored into: created when it is missing, and never one with such a store unless asked twice.</summary>
internal sealed class DestinationDatabase
{
    private const string ExistingSql = "SELECT nspname::text FROM pg_namespace WHERE nspname = ANY(@schemas) ORDER BY 1";

    private readonly IReadOnlyList<string> _replaced;
    private readonly string _time;

    private DestinationDatabase(ServerAddress address, bool isNew, IReadOnlyList<string> replaced, string time)
    {
        Address = address;
        IsNew = isNew;
        _replaced = replaced;
        _time = time;
        Kept = replaced.Count == 0
            ? "" : $" (the store that was there is kept as {string.Join(", ", replaced.Select(schema => $"'{KeptName(schema)}'"))})";
    }

    /// <summary>With a name that tells the sessions of this restore.</summary>
    public ServerAddress Address { get; }

    /// <summary>Whether it was created for this restore.</summary>
    public bool IsNew { get; }

    /// <summary>In words, where the store is that was replaced; empty when none was.</summary>
    public string Kept { get; private set; }

    public static async Task<DestinationDatabase> PrepareAsync(
        RestoreOptions options, BackupManifest manifest, TimeProvider time, CancellationToken cancellationToken)
    {
        var address = new ServerAddress(options.ConnectionString).With(change => change.ApplicationName = $"UnifiedMemory.Backup {Guid.NewGuid():N}");
        var (connection, isNew) = await OpenOrCreateAsync(address, cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            var existing = (await connection.QueryAsync<string>(new CommandDefinition(
                ExistingSql, new { schemas = manifest.Schemas }, cancellationToken: cancellationToken)).ConfigureAwait(false)).AsList();
            var destination = new DestinationDatabase(
                address, isNew, existing, time.GetUtcNow().UtcDateTime.ToString("yyyyMMddHHmmss", CultureInfo.InvariantCulture));
            if (existing.Count == 0)
                return destination;
            RequireConsent(options, existing, connection.Database);

            // Not dropped: until the restored store is seen to be the right one, the old one can be looked at.
            var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await using (transaction.ConfigureAwait(false))
            {
                foreach (var schema in existing)
                {
                    await RenameAsync(connection, schema, destination.KeptName(schema), cancellationToken).ConfigureAwait(false);
                }

                // Not cancelled: whether it was done would not be known.
                await transaction.CommitAsync(CancellationToken.None).ConfigureAwait(false);
            }

            return destination;
        }
    }

    /// <summary>
    /// Drops a database that was created. In another one it ends what still restores, and gives the store that was replaced its name again;
    /// what has that name by now is not dropped, but named otherwise.
    /// </summary>
    public async Task PutBackAsync()
    {
        var step = "dropping that database";
        try
        {
            if (IsNew)
            {
                await DropAsync().ConfigureAwait(false);
                return;
            }

            step = "ending its sessions there";
            var connection = await Address.OpenAsync(CancellationToken.None).ConfigureAwait(false);
            await using (connection.ConfigureAwait(false))
            {
                await ProgramSessions.EndAsync(connection, Address.ApplicationName, CancellationToken.None).ConfigureAwait(false);
                if (_replaced.Count == 0)
                    return;
                step = "giving that its name again";
                var transaction = await connection.BeginTransactionAsync(CancellationToken.None).ConfigureAwait(false);
                await using (transaction.ConfigureAwait(false))
                {
                    foreach (var schema in (await connection.QueryAsync<string>(ExistingSql, new { schemas = _replaced.ToArray() }).ConfigureAwait(false)).AsList())
                        await RenameAsync(connection, schema, $"{schema}_tried_{_time}", CancellationToken.None).ConfigureAwait(false);
                    foreach (var schema in _replaced)
                        await RenameAsync(connection, KeptName(schema), schema, CancellationToken.None).ConfigureAwait(false);
                    await transaction.CommitAsync(CancellationToken.None).ConfigureAwait(false);
                }
            }

            Kept = " (the store that was there has its name again)";
        }
        catch (NpgsqlException exception)
        {
            throw new UnifiedMemoryException(
                "restore", $"The restore into {Address.Database}{Kept} failed; and {step} failed, too: {exception.Message}",
                isTransient: false, exception)
            {
                SqlState = exception.SqlState,
            };
        }
    }

    private static Task<int> RenameAsync(NpgsqlConnection connection, string from, string to, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(
            $"ALTER SCHEMA {RowText.Quote(from)} RENAME TO {RowText.Quote(to)}", cancellationToken: cancellationToken));

    private static void RequireConsent(RestoreOptions options, IReadOnlyList<string> existing, string database)
    {
        if (options.ReplaceExisting && options.ConfirmDatabase == database)
            return;
        throw new InvalidOperationException(
            $"The database '{database}' has {string.Join(", ", existing.Select(schema => $"the schema '{schema}'"))}. Restore into another database, which is created; "
            + $"or, to put the backup in its place, set ReplaceExisting and also ConfirmDatabase = \"{database}\".");
    }

    private async Task DropAsync()
    {
        var server = await ServerOf(Address).OpenAsync(CancellationToken.None).ConfigureAwait(false);
        await using (server.ConfigureAwait(false))
            await server.ExecuteAsync($"DROP DATABASE IF EXISTS {RowText.Quote(Address.Database)} WITH (FORCE)").ConfigureAwait(false);
    }

    private static ServerAddress ServerOf(ServerAddress address) => address.With(change => change.Database = "postgres");

    private static async Task<(NpgsqlConnection Connection, bool IsNew)> OpenOrCreateAsync(ServerAddress address, CancellationToken cancellationToken)
    {
        try
        {
            return (await address.OpenAsync(cancellationToken).ConfigureAwait(false), false);
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.InvalidCatalogName)
        {
            var server = await ServerOf(address).OpenAsync(cancellationToken).ConfigureAwait(false);
            await using (server.ConfigureAwait(false))
            {
                await server.ExecuteAsync(new CommandDefinition(
                    $"CREATE DATABASE {RowText.Quote(address.Database)} TEMPLATE template0", cancellationToken: cancellationToken)).ConfigureAwait(false);
            }

            return (await address.OpenAsync(cancellationToken).ConfigureAwait(false), true);
        }
    }

    private string KeptName(string schema) => $"{schema}_until_{_time}";
}
