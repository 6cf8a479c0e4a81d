using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Dapper;
using Npgsql;
using NpgsqlTypes;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Migrations;

/// <summary>
/// One migration at a time for each schema: an advisory lock of the session, which ends with its connection, also when the
/// host is killed. It is polled: a waiter inside <c>pg_advisory_lock</c> is a running transaction, for which the holder's
/// CREATE INDEX CONCURRENTLY would wait, and the two would block each other for ever.
/// </summary>
internal static class MigrationLock
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(200);

    public static async Task TakeAsync(
        NpgsqlConnection connection, StoreSchema schema, TimeProvider time, Action onWaiting, CancellationToken cancellationToken)
    {
        // Not string.GetHashCode, which differs between processes.
        var key = BinaryPrimitives.ReadInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes("UnifiedMemory migration " + schema.Name)));
        await connection.ExecuteAsync(new CommandDefinition(
            "SET idle_session_timeout = 0", cancellationToken: cancellationToken)).ConfigureAwait(false);
        for (var attempt = 0; ; attempt++)
        {
            var parameters = new SqlParameters().Add("key", NpgsqlDbType.Bigint, key);
            if (await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
                "SELECT pg_try_advisory_lock(@key)", parameters, cancellationToken: cancellationToken)).ConfigureAwait(false))
            {
                return;
            }

            if (attempt == 0)
                onWaiting();
            await Task.Delay(PollInterval, time, cancellationToken).ConfigureAwait(false);
        }
    }
}
