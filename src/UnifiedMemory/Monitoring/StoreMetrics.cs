using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace UnifiedMemory.Monitoring;

/// <summary>
/// The meter <c>UnifiedMemory</c>. Units and names after https://opentelemetry.io/docs/specs/semconv/general/metrics/.
/// Npgsql's own meter reports <c>db.client.*</c>; nothing of it is repeated here.
/// </summary>
internal static class StoreMetrics
{
    public static readonly Histogram<double> OperationDuration = Telemetry.Meter.CreateHistogram<double>(
        "unifiedmemory.operation.duration", "s", "Time of a call of the store, with embedding, waiting and retries.");

    public static readonly Histogram<double> DatabaseDuration = Telemetry.Meter.CreateHistogram<double>(
        "unifiedmemory.database.duration", "s", "Time that one attempt spent on the server, without waiting for a connection.");

    public static readonly Histogram<double> ConnectionWait = Telemetry.Meter.CreateHistogram<double>(
        "unifiedmemory.connection.wait.duration", "s", "Time waited for a connection.");

    public static readonly Histogram<int> StoreBatchSize = Telemetry.Meter.CreateHistogram<int>(
        "unifiedmemory.store.batch.size", "{memory}", "Memories written in one round trip.");

    public static readonly Counter<long> Stored = Telemetry.Meter.CreateCounter<long>(
        "unifiedmemory.store.memories", "{memory}", "Memories that were to be stored, by outcome.");

    public static readonly Counter<long> Retries = Telemetry.Meter.CreateCounter<long>(
        "unifiedmemory.retries", "{retry}", "Attempts that were repeated, by operation (embed is the embedding service) and SQLSTATE, HTTP status or exception.");

    public static readonly Counter<long> Purged = Telemetry.Meter.CreateCounter<long>(
        "unifiedmemory.purge.memories", "{memory}", "Expired memories that were deleted.");

    public static void RecordDatabase(string operation, TimeSpan duration) =>
        DatabaseDuration.Record(duration.TotalSeconds, new KeyValuePair<string, object?>("operation", operation));

    public static void RecordRetry(string operation, string errorType) =>
        Retries.Add(1, new TagList { { "operation", operation }, { "error.type", errorType } });

    public static void RecordStored(StoreOutcome outcome, int count = 1) =>
        Stored.Add(count, new KeyValuePair<string, object?>("outcome", outcome.ToString()));
}
