using Microsoft.Extensions.Logging;
using Npgsql;

namespace UnifiedMemory.Postgres;

/// <summary>How the options become connections.</summary>
internal static class ConnectionSettings
{
    private const int MultiHostTimeout = 5;

    /// <returns>With several hosts an <see cref="NpgsqlMultiHostDataSource"/>, with a pool for each of them.</returns>
    public static NpgsqlDataSource BuildDataSource(UnifiedMemoryOptions options, ILoggerFactory loggerFactory)
    {
        var connection = Common(options);
        connection.MinPoolSize = options.MinPoolSize;
        connection.MaxPoolSize = options.MaxPoolSize;
        connection.ConnectionLifetime = (int)options.ConnectionLifetime.TotalSeconds;
        connection.CommandTimeout = (int)Math.Ceiling(options.CommandTimeout.TotalSeconds);
        connection.MaxAutoPrepare = options.AutoPrepare ? 100 : 0;
        connection.AutoPrepareMinUsages = 2;

        // The library leaves no session state behind (settings are those of a transaction), so DISCARD ALL on each return to the pool
        // would only cost a round trip's worth of work: 6 to 16 % of the searches a second.
        connection.NoResetOnClose = true;

        var builder = new NpgsqlDataSourceBuilder(connection.ConnectionString) { Name = options.ApplicationName };
        builder.UseLoggerFactory(loggerFactory);
        builder.UseVector();
        return IsMultiHost(connection) ? builder.BuildMultiHost() : builder.Build();
    }

    /// <summary>For a connection outside the pool: session locks, DDL. To the primary, never through the pool.</summary>
    public static string Unpooled(UnifiedMemoryOptions options)
    {
        var connection = Common(options);
        connection.Pooling = false;

        // Idle while a step runs for minutes, and its session holds the lock.
        connection.KeepAlive = 30;
        if (IsMultiHost(connection))
            connection.TargetSessionAttributes = "primary";
        return connection.ConnectionString;
    }

    /// <summary>For statements that take as long as they take, and whose end by cancelling is waited for.</summary>
    public static string Maintenance(UnifiedMemoryOptions options) => new NpgsqlConnectionStringBuilder(Unpooled(options))
    {
        CommandTimeout = 0,

        // By default the connection is broken off 2 s after a cancellation, and with it goes the lock that the cleaning up needs.
        CancellationTimeout = 60_000,

        // Nothing is sent while an index is built for an hour; a firewall that forgets the connection would end it.
        TcpKeepAlive = true,
    }.ConnectionString;

    private static NpgsqlConnectionStringBuilder Common(UnifiedMemoryOptions options)
    {
        var connection = new NpgsqlConnectionStringBuilder(options.ConnectionString)
        {
            ApplicationName = options.ApplicationName,

            // The detail of an error quotes the row, which is memory content.
            IncludeErrorDetail = false,

            // An ambient transaction is not ours: what a search sets would last as long, and retries would run inside the host's.
            Enlist = false,

            // A data source gets the target from WithTargetSession and refuses it here.
            TargetSessionAttributes = null,
        };

        // A host that swallows packets holds up each look for another one, and is tried again each HostRecheckSeconds. These
        // stay at 10 s for that reason; a failure does not wait for them (ConnectionPools.LookAtHostsAgain).
        if (IsMultiHost(connection) && !connection.ShouldSerialize(nameof(connection.Timeout)))
            connection.Timeout = MultiHostTimeout;
        return connection;
    }

    private static bool IsMultiHost(NpgsqlConnectionStringBuilder connection) =>
        connection.Host?.Contains(',', StringComparison.Ordinal) == true;
}
