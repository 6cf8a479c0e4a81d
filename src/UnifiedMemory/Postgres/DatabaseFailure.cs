using Npgsql;

namespace UnifiedMemory.Postgres;

/// <summary>What the library says when the database fails: what, with which code, and the way out.</summary>
internal static class DatabaseFailure
{
    public static UnifiedMemoryException Busy(string operation, UnifiedMemoryOptions options) => new(
        operation,
        $"The store is busy: no connection was free within {options.AcquisitionTimeout.TotalSeconds:0.#} s. Pool size {options.MaxPoolSize}. "
        + $"Send fewer calls at once, or raise {nameof(UnifiedMemoryOptions.MaxPoolSize)} or {nameof(UnifiedMemoryOptions.AcquisitionTimeout)}.",
        isTransient: true);

    public static UnifiedMemoryException Describe(string operation, Exception exception)
    {
        var transient = RetryRules.For(exception) != RetryRule.Never;
        if (exception is PostgresException postgres)
        {
            return new UnifiedMemoryException(
                operation, $"The database failed in '{operation}': {Reason(postgres)}", transient, Quotes(postgres) ? null : exception)
            {
                SqlState = postgres.SqlState,
            };
        }

        var message = exception switch
        {
            SchemaBehindException => "the server lacks what the schema needs; see the inner exception, and run MigrateAsync",
            _ when transient => $"the server cannot be reached: {exception.Message}",
            NpgsqlException { InnerException: TimeoutException } =>
                $"the server did not answer in time. Raise {nameof(UnifiedMemoryOptions.CommandTimeout)}, or look for what blocks it.",
            _ => $"the driver refused: {exception.Message}",
        };
        return new UnifiedMemoryException(operation, $"The database failed in '{operation}': {message}", transient, exception);
    }

    /// <summary>The way out, the code, and what the server said of it where that holds no memory content.</summary>
    public static string Reason(PostgresException exception)
    {
        var advice = IsShortOfSharedMemory(exception)
            ? "its shared memory is too small; enlarge /dev/shm (docker run --shm-size=1g)"
            : Advice(exception.SqlState);
        return $"{advice} (SQLSTATE {exception.SqlState}{(Quotes(exception) ? "" : $": {exception.MessageText}")})";
    }

    /// <summary>
    /// Whether processes of the server that work together got no memory to share. The code is that of a full disk or of memory that ran
    /// out, and the text may be translated. https://github.com/postgres/postgres/blob/master/src/backend/storage/ipc/dsm_impl.c
    /// </summary>
    public static bool IsShortOfSharedMemory(PostgresException exception) =>
        exception is { SqlState: PostgresErrorCodes.DiskFull or PostgresErrorCodes.OutOfMemory, File: "dsm_impl.c" };

    /// <summary>These quote the value that was refused, and the context of a COPY quotes the row: memory content.</summary>
    private static bool Quotes(PostgresException exception) =>
        exception.SqlState is ['2', '2' or '3', ..] || exception.Where is not null || exception.Detail is not null;

    private static string Advice(string state) => state switch
    {
        PostgresErrorCodes.DiskFull => "its disk is full; free space there. Nothing was written, reading still works",
        PostgresErrorCodes.TooManyConnections => "it has no connection left; lower MaxPoolSize or raise its max_connections",
        PostgresErrorCodes.QueryCanceled => "the statement was cancelled on the server or ran into its statement_timeout",
        PostgresErrorCodes.InsufficientPrivilege => "the role may not do this; grant it what the documentation lists",
        PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName or PostgresErrorCodes.UndefinedColumn =>
            "the schema is not there or is another version; run MigrateAsync",
        PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification =>
            "it refused the user or the password of the connection string",
        PostgresErrorCodes.InvalidCatalogName => "the database of the connection string does not exist; create it",
        PostgresErrorCodes.ReadOnlySqlTransaction => "it is read-only, a standby; connect to the primary",
        PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected =>
            $"the transaction lost against others {RetryRules.MaxReplays} times",
        ['2', '2', ..] => "a value is none that it can hold",
        PostgresErrorCodes.UniqueViolation => "there is one like it already",
        _ => "it answered with an error",
    };
}
