using Npgsql;

namespace UnifiedMemory.Postgres;

/// <summary>
/// What a migration made is not known yet: a standby has not replayed it, or Npgsql read the server's types before.
/// </summary>
internal sealed class SchemaBehindException(Exception cause) : NpgsqlException(cause.Message, cause);
