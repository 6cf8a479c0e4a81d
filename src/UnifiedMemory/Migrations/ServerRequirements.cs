using Dapper;
using Npgsql;

namespace UnifiedMemory.Migrations;

/// <summary>Sees to it that the server can hold a store, with the extension <c>vector</c>, or says exactly who must do what.</summary>
internal static class ServerRequirements
{
    /// <summary>The first version with iterative index scans, without which a filter starves a search.</summary>
    public static readonly Version MinimumPgvector = new(0, 8, 0);

    /// <summary>Ubuntu 24.04, for example, packages 0.6.0.</summary>
    public const string NewerPgvector =
        "Install a newer pgvector on the server (where the distribution has none: from the PostgreSQL project, https://wiki.postgresql.org/wiki/Apt)";

    /// <summary>The oldest version that this library is tested on.</summary>
    private const int MinimumServer = 15;

    private const string Look =
        """
        SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector') AS "IsInstalled",
               (SELECT default_version FROM pg_available_extensions WHERE name = 'vector') AS "Available",
               current_database() AS "Database", current_setting('server_version_num')::int / 10000 AS "Server"
        """;

    public static async Task EnsureAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var found = await connection.QuerySingleAsync<Found>(new CommandDefinition(Look, cancellationToken: cancellationToken)).ConfigureAwait(false);
        if (found.Server < MinimumServer)
            throw Failure($"The server is PostgreSQL {found.Server}; at least {MinimumServer} is needed. Upgrade it, or connect to another.");

        if (found.IsInstalled)
            return;

        if (found.Available is null)
        {
            throw Failure(
                $"The PostgreSQL {found.Server} server has no pgvector. Have an administrator install it on the server "
                + $"(Debian and Ubuntu: apt-get install postgresql-{found.Server}-pgvector; Docker: pgvector/pgvector:pg{found.Server}), "
                + "and migrate again.");
        }

        // Before it is created: an extension that is too old would have to be dropped again, or updated.
        if (Version.TryParse(found.Available, out var version) && version < MinimumPgvector)
        {
            throw Failure(
                $"The PostgreSQL {found.Server} server has pgvector {found.Available}; at least {MinimumPgvector} is needed. {NewerPgvector}, and migrate again.");
        }

        try
        {
            await connection.ExecuteAsync(new CommandDefinition(
                "CREATE EXTENSION IF NOT EXISTS vector", cancellationToken: cancellationToken)).ConfigureAwait(false);
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            throw Failure(
                $"This role may not create extensions in the database '{found.Database}'. Have an administrator run there, once: "
                + "CREATE EXTENSION vector; and migrate again.",
                exception);
        }
        catch (PostgresException exception) when (exception.SqlState is PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.DuplicateObject)
        {
            // IF NOT EXISTS is not atomic: a store with another prefix, and so another lock, was faster. It is there now.
        }
    }

    private static UnifiedMemoryException Failure(string message, Exception? cause = null) =>
        new("migrate", message, isTransient: false, cause);

    private sealed record Found
    {
        public bool IsInstalled { get; init; }

        public string? Available { get; init; }

        public string Database { get; init; } = "";

        public int Server { get; init; }
    }
}
