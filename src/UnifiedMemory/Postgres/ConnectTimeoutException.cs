using Npgsql;

namespace UnifiedMemory.Postgres;

/// <summary>The server did not answer to a new connection in time: it is frozen, or the network is parted.</summary>
internal sealed class ConnectTimeoutException(NpgsqlException cause) : NpgsqlException("No connection could be made in time.", cause);
