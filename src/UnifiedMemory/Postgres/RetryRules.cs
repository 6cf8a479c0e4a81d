using System.Net.Sockets;
using Npgsql;

namespace UnifiedMemory.Postgres;

/// <summary>
/// Our own table. Npgsql's <c>IsTransient</c> also holds for a full disk (53100), for 55006 and 55000, and for a command that
/// ran into its client-side time-out, which would run a slow query three times; it does not hold for "No suitable host",
/// which is what a fail-over looks like. Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
/// </summary>
internal static class RetryRules
{
    public const int MaxReplays = 5;

    public static RetryRule For(Exception exception) => exception switch
    {
        PostgresException { SqlState: var state } => For(state),
        ConnectTimeoutException => RetryRule.UntilBudget,
        SchemaBehindException => RetryRule.Replay,

        // Thrown while a connection is opened: refused, reset, no route, unknown host.
        NpgsqlException { InnerException: SocketException or IOException } => RetryRule.UntilBudget,

        // The inner exception of a command that took too long; the server may be at work on it still.
        NpgsqlException { InnerException: TimeoutException } => RetryRule.Never,

        NpgsqlException when exception.Message.StartsWith("No suitable host", StringComparison.Ordinal) => RetryRule.UntilBudget,
        NpgsqlException { InnerException: NpgsqlException or AggregateException } => For(exception.InnerException),
        AggregateException { InnerExceptions: [.., var last] } => For(last),
        SocketException or IOException => RetryRule.UntilBudget,
        _ => RetryRule.Never,
    };

    private static RetryRule For(string state) => state switch
    {
        // The first is also what a standby says when a query is in the way of its replay.
        PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected => RetryRule.Replay,

        PostgresErrorCodes.AdminShutdown
            or PostgresErrorCodes.CrashShutdown
            or PostgresErrorCodes.CannotConnectNow
            or "57P05" // the server ended an idle session
            or PostgresErrorCodes.TooManyConnections
            or PostgresErrorCodes.LockNotAvailable
            or PostgresErrorCodes.ReadOnlySqlTransaction // a fail-over: this was the primary
            => RetryRule.UntilBudget,

        _ when state.StartsWith("08", StringComparison.Ordinal) => RetryRule.UntilBudget,
        _ => RetryRule.Never,
    };
}
