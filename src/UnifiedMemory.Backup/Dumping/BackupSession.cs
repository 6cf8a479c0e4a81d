using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Dapper;
using Npgsql;
using UnifiedMemory.Backup.Programs;

namespace UnifiedMemory.Backup.Dumping;

/// <summary>
/// The right to change a store's backups: an advisory lock of a session, one process at a time. It ends with its connection, also
/// when the process is killed.
/// </summary>
internal sealed class BackupSession : IAsyncDisposable
{
    private const string LockSql =
        """
        SET idle_session_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET statement_timeout = 0;
        SELECT pg_try_advisory_lock(@key)
        """;

    private const string ServerSql = "SELECT system_identifier FROM pg_control_system()";

    private readonly NpgsqlConnection _connection;

    private BackupSession(NpgsqlConnection connection, ServerAddress programs, string store)
    {
        _connection = connection;
        Store = store;
        Programs = programs;
    }

    public NpgsqlConnection Connection => _connection;

    /// <summary>
    /// What pg_dump and pg_basebackup connect to: the very server of this session, where there are several, with a name that
    /// tells their sessions.
    /// </summary>
    public ServerAddress Programs { get; }

    /// <summary>Tells the store from those of the same name in other databases of the server.</summary>
    public string Store { get; }

    public int ServerMajor => _connection.PostgreSqlVersion.Major;

    /// <returns><c>null</c> when another process makes or removes backups of this store.</returns>
    public static async Task<BackupSession?> TryOpenAsync(ServerAddress address, string schema, CancellationToken cancellationToken)
    {
        var connection = await address.OpenAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var key = BinaryPrimitives.ReadInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes($"UnifiedMemory backup {schema}")));
            if (await connection.ExecuteScalarAsync<bool>(new CommandDefinition(LockSql, new { key }, cancellationToken: cancellationToken)).ConfigureAwait(false))
            {
                var store = HashOf($"{address.Database}\0{schema}", 4);
                var programs = address.With(change =>
                {
                    change.Host = connection.Host;
                    change.Port = connection.Port;
                    change.TargetSessionAttributes = null;
                    change.ApplicationName = NameOf(store, schema);
                });
                var session = new BackupSession(connection, programs, store);
                await session.EndProgramsAsync(cancellationToken).ConfigureAwait(false);
                connection = null;
                return session;
            }

            return null;
        }
        finally
        {
            if (connection is not null)
                await connection.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Tells the backups of this store in one target from those in another target, and from those of a server with a store of the same
    /// name: either keeps files in an archive of the log that it may share.
    /// </summary>
    public async Task<string> LabelAsync(IBackupTarget target, CancellationToken cancellationToken)
    {
        var server = await _connection.ExecuteScalarAsync<long>(new CommandDefinition(ServerSql, cancellationToken: cancellationToken)).ConfigureAwait(false);
        return HashOf($"{server}\0{Store}\0{target.Description}", 8);
    }

    /// <summary>Ends the sessions of programs that are gone.</summary>
    public Task EndProgramsAsync(CancellationToken cancellationToken) =>
        ProgramSessions.EndAsync(_connection, Programs.ApplicationName, cancellationToken);

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private static string HashOf(FormattableString text, int bytes) => Convert.ToHexStringLower(
        SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString(CultureInfo.InvariantCulture))).AsSpan(0, bytes));

    /// <summary>The server cuts a longer one off, and then would not find it.</summary>
    private static string NameOf(string store, string schema)
    {
        var name = $"UnifiedMemory.Backup {store} {schema}";
        return name[..Math.Min(name.Length, 63)];
    }
}
