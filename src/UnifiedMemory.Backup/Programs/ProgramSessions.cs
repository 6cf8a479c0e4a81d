using Dapper;
using Npgsql;

namespace UnifiedMemory.Backup.Programs;

/// <summary>The sessions that programs have on a server, told by the name that only they bear.</summary>
internal static class ProgramSessions
{
    private const string EndSql =
        """
        SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity
        WHERE application_name = @name AND usename = current_user AND pid <> pg_backend_pid()
        """;

    /// <summary>
    /// Ends those of programs that are gone: one that waits for a lock notices the end of its client only afterwards.
    /// </summary>
    public static Task EndAsync(NpgsqlConnection connection, string name, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<long>(new CommandDefinition(EndSql, new { name }, cancellationToken: cancellationToken));
}
