using Microsoft.Extensions.Logging;
using Npgsql;

namespace UnifiedMemory.Postgres;

/// <summary>Where connections come from: one pool for each host of the connection string.</summary>
internal sealed class ConnectionPools
{
    /// <summary>A connection to the primary that took longer to open was first waited for at a standby.</summary>
    private static readonly TimeSpan Hanging = TimeSpan.FromMilliseconds(500);

    private readonly NpgsqlMultiHostDataSource? _hosts;
    private readonly NpgsqlDataSource _standbys;
    private readonly TimeProvider _time;
    private readonly long _recheckTicks;
    private long _standbysNotBefore;

    public ConnectionPools(UnifiedMemoryOptions options, ILoggerFactory loggerFactory, TimeProvider time)
    {
        All = ConnectionSettings.BuildDataSource(options, loggerFactory);
        _hosts = All as NpgsqlMultiHostDataSource;
        Primary = _hosts?.WithTargetSession(TargetSessionAttributes.Primary) ?? All;
        _standbys = options.PreferStandby && _hosts is not null ? _hosts.WithTargetSession(TargetSessionAttributes.PreferStandby) : Primary;
        _time = time;
        _recheckTicks = new NpgsqlConnectionStringBuilder(options.ConnectionString).HostRecheckSeconds * time.TimestampFrequency;
    }

    /// <summary>What is disposed of, or cleared.</summary>
    public NpgsqlDataSource All { get; }

    public NpgsqlDataSource Primary { get; }

    /// <summary>
    /// Whether types can be loaded again. Not with several hosts: each host's pool keeps the types that its first connection
    /// found, made perhaps just to see what the host is; Npgsql (10.0.3) loads those of the source around them.
    /// </summary>
    public bool CanReloadTypes => _hosts is null;

    /// <summary>
    /// A connection to a standby, or to the primary where no standby answers or none is preferred. A standby that takes
    /// connections and answers nothing is asked once in HostRecheckSeconds, by one caller: Npgsql (10.0.3) forgets a host that
    /// timed out in its handshake, so that every caller would wait for it again.
    /// </summary>
    public async ValueTask<NpgsqlConnection> OpenOnStandbyAsync(CancellationToken cancellationToken)
    {
        if (!MayAskStandbys())
            return await Primary.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        var started = _time.GetTimestamp();
        var connection = await _standbys.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        RememberStandbys(_time.GetElapsedTime(started) < Hanging || IsStandby(connection));
        return connection;
    }

    /// <summary>
    /// What Npgsql knows of its hosts is up to HostRecheckSeconds old, and a standby that was promoted would be found that much
    /// later. For when something failed: looking costs a time-out for each host that swallows packets.
    /// </summary>
    public void LookAtHostsAgain() => _hosts?.ClearDatabaseStates();

    private bool MayAskStandbys()
    {
        var notBefore = Volatile.Read(ref _standbysNotBefore);
        var now = _time.GetTimestamp();
        return notBefore == 0
            || (now >= notBefore && Interlocked.CompareExchange(ref _standbysNotBefore, now + _recheckTicks, notBefore) == notBefore);
    }

    private void RememberStandbys(bool answer) => Volatile.Write(ref _standbysNotBefore, answer ? 0 : _time.GetTimestamp() + _recheckTicks);

    private static bool IsStandby(NpgsqlConnection connection) =>
        connection.PostgresParameters.TryGetValue("in_hot_standby", out var state) && state == "on";
}
