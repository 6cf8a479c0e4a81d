using Microsoft.Extensions.Logging;

namespace UnifiedMemory.Monitoring;

/// <summary>Every log line of the store. Ids are stable. No memory content, no credentials.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Store opened: schema {Schema} at version {Version}, {Provider}/{Model} with {Dimensions} dimensions")]
    public static partial void Opened(ILogger logger, string schema, long version, string provider, string model, int dimensions);

    [LoggerMessage(2, LogLevel.Warning,
        "The pool of {MaxPoolSize} connections does not fit under the server's max_connections of {MaxConnections}, {Reserved} of them reserved. Lower MaxPoolSize; it counts for each process")]
    public static partial void PoolTooLarge(ILogger logger, int maxPoolSize, int maxConnections, int reserved);

    [LoggerMessage(3, LogLevel.Warning,
        "pgvector {Version} is older than 0.8.4, which fixed the corruption of HNSW indexes under INSERT and VACUUM (pgvector#988, #993). Update the extension")]
    public static partial void OldPgvector(ILogger logger, string version);

    [LoggerMessage(4, LogLevel.Warning, "{Operation} failed with {Error}; attempt {Attempt} follows in {Delay}")]
    public static partial void Retrying(ILogger logger, string operation, string error, int attempt, TimeSpan delay);

    [LoggerMessage(5, LogLevel.Error, "The store cannot be opened; the first call that needs it tries again")]
    public static partial void OpenFailed(ILogger logger, Exception exception);

    [LoggerMessage(6, LogLevel.Warning,
        "pgvector {Version} is older than 0.8.2, whose parallel HNSW builds overflow a buffer (CVE-2026-3172). Index maintenance builds with one process; whoever builds an HNSW index by hand must set max_parallel_maintenance_workers to 0. Update the extension")]
    public static partial void UnsafeParallelBuilds(ILogger logger, string version);

    [LoggerMessage(10, LogLevel.Information, "Another process migrates schema {Schema}; waiting for it")]
    public static partial void WaitingForMigration(ILogger logger, string schema);

    [LoggerMessage(11, LogLevel.Information, "Schema {Schema} migrated from version {From} to {To}")]
    public static partial void Migrated(ILogger logger, string schema, long from, long to);

    [LoggerMessage(20, LogLevel.Information, "Stored many: {Created} created, {AlreadyStored} already stored, {Rejected} rejected")]
    public static partial void StoredMany(ILogger logger, long created, long alreadyStored, long rejected);

    [LoggerMessage(21, LogLevel.Information, "Imported: {Created} created, {AlreadyStored} already stored, {Rejected} rejected")]
    public static partial void Imported(ILogger logger, long created, long alreadyStored, long rejected);

    [LoggerMessage(30, LogLevel.Information, "Purged {Count} expired memories")]
    public static partial void Purged(ILogger logger, long count);

    [LoggerMessage(31, LogLevel.Error, "Purging expired memories failed; it is tried again at the next interval")]
    public static partial void PurgeFailed(ILogger logger, Exception exception);

    [LoggerMessage(40, LogLevel.Information, "Another process maintains the indexes of schema {Schema}; waiting for it")]
    public static partial void WaitingForMaintenance(ILogger logger, string schema);

    [LoggerMessage(41, LogLevel.Information, "Building index {Index} of schema {Schema} as {Definition}: {Reason}")]
    public static partial void IndexBuilding(ILogger logger, string index, string schema, string definition, string reason);

    [LoggerMessage(42, LogLevel.Information, "Built index {Index} of schema {Schema} in {Duration}, {Bytes} bytes")]
    public static partial void IndexBuilt(ILogger logger, string index, string schema, TimeSpan duration, long bytes);

    [LoggerMessage(43, LogLevel.Warning, "Index {Index} of schema {Schema} is left for the next run: {Reason}. End that transaction")]
    public static partial void IndexBlocked(ILogger logger, string index, string schema, string reason);

    [LoggerMessage(44, LogLevel.Information, "Dropping index {Index} of schema {Schema}: {Reason}")]
    public static partial void IndexDropped(ILogger logger, string index, string schema, string reason);

    [LoggerMessage(45, LogLevel.Information, "Index {Index} of schema {Schema} has a recall at 20 of {Recall:F3} with an effort of {Effort}")]
    public static partial void RecallMeasured(ILogger logger, string index, string schema, double recall, int effort);

    [LoggerMessage(46, LogLevel.Warning,
        "Index {Index} of schema {Schema} reaches a recall at 20 of {Recall:F3} at most, and {Target} is asked for. It is {Definition}: raise Indexes.MaxMemoryBytes or Hnsw.M, or lower Indexes.TargetRecall")]
    public static partial void RecallMissed(ILogger logger, string index, string schema, double recall, double target, string definition);

    [LoggerMessage(47, LogLevel.Information, "Index {Index} of schema {Schema} has not been used for a week and takes {Bytes} bytes")]
    public static partial void IndexUnused(ILogger logger, string index, string schema, long bytes);

    [LoggerMessage(48, LogLevel.Error, "Maintaining the indexes failed; it is tried again in {Wait}")]
    public static partial void MaintenanceFailed(ILogger logger, TimeSpan wait, Exception? exception);

    [LoggerMessage(49, LogLevel.Warning, "This host does not maintain indexes. {Reason}")]
    public static partial void MaintenanceImpossible(ILogger logger, string reason);

    [LoggerMessage(50, LogLevel.Debug, "Insight {Id} was not delivered to {Sink} at attempt {Attempt}: {Reason}")]
    public static partial void DeliveryFailed(ILogger logger, Guid id, string sink, int attempt, string reason);

    [LoggerMessage(51, LogLevel.Warning, "Insight {Id} is parked after {Attempt} attempts to deliver it to {Sink}: {Reason}. Queue it again with RequeueInsightsAsync")]
    public static partial void InsightParked(ILogger logger, Guid id, string sink, int attempt, string reason);

    [LoggerMessage(52, LogLevel.Warning, "{Sink} keeps failing: nothing is delivered to it for {Pause}; insights stay queued")]
    public static partial void SinkCircuitOpened(ILogger logger, string sink, TimeSpan pause);

    [LoggerMessage(53, LogLevel.Information, "{Sink} works again")]
    public static partial void SinkCircuitClosed(ILogger logger, string sink);

    [LoggerMessage(54, LogLevel.Information, "{Count} insights that failed while {Sink} was away are queued again")]
    public static partial void InsightsRevived(ILogger logger, string sink, long count);

    [LoggerMessage(55, LogLevel.Error, "Delivering insights to {Sink} failed; it is tried again")]
    public static partial void DispatchFailed(ILogger logger, string sink, Exception exception);

    [LoggerMessage(56, LogLevel.Warning, "The insight detector failed on memory {Id} with {Error}; the memory is stored without what it would have found")]
    public static partial void DetectionFailed(ILogger logger, Guid id, string error);

    [LoggerMessage(57, LogLevel.Warning, "An insight in memory {Id} cannot be embedded ({Error}) and is left out")]
    public static partial void InsightNotEmbedded(ILogger logger, Guid id, string error);

    [LoggerMessage(58, LogLevel.Warning, "What was claimed for {Sink} could not be given back; it is free when its lease is over")]
    public static partial void LeaseNotReleased(ILogger logger, string sink, Exception exception);

    [LoggerMessage(59, LogLevel.Warning, "Insight {Id} is parked after {Attempt} attempts to deliver it to {Sink}: {Reason}. Nothing arrives there now; it is queued again when something does")]
    public static partial void InsightParkedInOutage(ILogger logger, Guid id, string sink, int attempt, string reason);

    [LoggerMessage(60, LogLevel.Information, "Insight {Id} has been deleted while it was on its way to {Sink}, and is not delivered")]
    public static partial void InsightGone(ILogger logger, Guid id, string sink);

    [LoggerMessage(61, LogLevel.Warning, "Index {Index} of schema {Schema} is built with one process, which takes longer: {Reason}")]
    public static partial void IndexBuiltAlone(ILogger logger, string index, string schema, string reason);

    [LoggerMessage(62, LogLevel.Warning, "Index {Index} of schema {Schema} {Reason}")]
    public static partial void IndexInvalid(ILogger logger, string index, string schema, string reason);

    [LoggerMessage(63, LogLevel.Error, "Index {Index} of schema {Schema} could not be looked after: {Reason}")]
    public static partial void IndexFailed(ILogger logger, string index, string schema, string reason);
}
