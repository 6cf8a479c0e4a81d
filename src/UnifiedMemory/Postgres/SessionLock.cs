using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Dapper;
using Npgsql;
using NpgsqlTypes;

namespace UnifiedMemory.Postgres;

/// <summary>
/// What one host at a time does in a schema: an advisory lock of the session, which ends with its connection, also when the
/// host is killed. It is polled: a waiter inside <c>pg_advisory_lock</c> is a running transaction, for which the holder's
/// CREATE INDEX CONCURRENTLY would wait, and the two would block each other for ever.
/// </summary>
internal sealed class SessionLock(string purpose, StoreSchema schema)
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(200);

    // Not string.GetHashCode, which differs between processes.
    private readonly long _key = BinaryPrimitives.ReadInt64LittleEndian(
        SHA256.HashData(Encoding.UTF8.GetBytes($"UnifiedMemory {purpose} {schema.Name}")));

    public static SessionLock Migration(StoreSchema schema) => new("migration", schema);

    public static SessionLock IndexMaintenance(StoreSchema schema) => new("index maintenance", schema);

    /// <summary>Waits for the lock.</summary>
    public async Task TakeAsync(NpgsqlConnection connection, TimeProvider time, Action onWaiting, CancellationToken cancellationToken)
    {
        for (var attempt = 0; !await TryTakeAsync(connection, cancellationToken).ConfigureAwait(false); attempt++)
        {
            if (attempt == 0)
                onWaiting();
            await Task.Delay(PollInterval, time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Takes the lock when nobody holds it. It is held until the connection is closed.</summary>
    public async Task<bool> TryTakeAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await connection.ExecuteAsync(new CommandDefinition(
            "SET idle_session_timeout = 0", cancellationToken: cancellationToken)).ConfigureAwait(false);
        return await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            "SELECT pg_try_advisory_lock(@key)", new SqlParameters().Add("key", NpgsqlDbType.Bigint, _key),
            cancellationToken: cancellationToken)).ConfigureAwait(false);
    }
}
