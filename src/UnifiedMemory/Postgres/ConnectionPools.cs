using Microsoft.Extensions.Logging;
using Npgsql;

namespace UnifiedMemory.Postgres;

/// <summary>Where connections come from: one pool for each host of the connection string.</summary>
internal sealed class ConnectionPools
{
    private readonly NpgsqlMultiHostDataSource? _hosts;

    public ConnectionPools(UnifiedMemoryOptions options, ILoggerFactory loggerFactory)
    {
        All = ConnectionSettings.BuildDataSource(options, loggerFactory);
        _hosts = All as NpgsqlMultiHostDataSource;
        Primary = _hosts?.WithTargetSession(TargetSessionAttributes.Primary) ?? All;
        Standbys = options.PreferStandby && _hosts is not null ? _hosts.WithTargetSession(TargetSessionAttributes.PreferStandby) : Primary;
    }

    /// <summary>What is disposed of, or cleared.</summary>
    public NpgsqlDataSource All { get; }

    public NpgsqlDataSource Primary { get; }

    /// <summary>Gives the primary too, where no standby answers or none is preferred.</summary>
    public NpgsqlDataSource Standbys { get; }

    /// <summary>
    /// Whether types can be loaded again. Not with several hosts: each host's pool keeps the types that its first connection
    /// found, made perhaps just to see what the host is; Npgsql (10.0.3) loads those of the source around them.
    /// </summary>
    public bool CanReloadTypes => _hosts is null;

    /// <summary>
    /// What Npgsql knows of its hosts is up to HostRecheckSeconds old, and a standby that was promoted would be found that much
    /// later. For when something failed: looking costs a time-out for each host that swallows packets.
    /// </summary>
    public void LookAtHostsAgain() => _hosts?.ClearDatabaseStates();
}
