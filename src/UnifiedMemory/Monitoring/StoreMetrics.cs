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

    public static readonly Histogram<double> IndexBuildDuration = Telemetry.Meter.CreateHistogram<double>(
        "unifiedmemory.index.build.duration", "s", "Time that the build of a vector index took.");

    public static readonly Gauge<double> IndexRecall = Telemetry.Meter.CreateGauge<double>(
        "unifiedmemory.index.recall", "1", "Recall at 20 of a vector index, as it was last measured.");

    public static readonly Gauge<int> IndexEffort = Telemetry.Meter.CreateGauge<int>(
        "unifiedmemory.index.effort", "1", "hnsw.ef_search or ivfflat.probes that searches use for that recall.");

    public static readonly Histogram<double> DeliveryDuration = Telemetry.Meter.CreateHistogram<double>(
        "unifiedmemory.insights.delivery.duration", "s", "Time that one try to deliver an insight took, by sink.");

    public static readonly Counter<long> Deliveries = Telemetry.Meter.CreateCounter<long>(
        "unifiedmemory.insights.deliveries", "{insight}", "Tries to deliver an insight, by sink and outcome (delivered, failed, parked).");

    public static readonly Gauge<long> BacklogSize = Telemetry.Meter.CreateGauge<long>(
        "unifiedmemory.insights.backlog", "{insight}", "Insights that are not delivered, by schema, sink and state (pending, parked).");

    public static readonly Gauge<double> BacklogAge = Telemetry.Meter.CreateGauge<double>(
        "unifiedmemory.insights.backlog.age", "s", "For how long the oldest pending insight has waited, by schema and sink.");

    public static void RecordDatabase(string operation, TimeSpan duration) =>
        DatabaseDuration.Record(duration.TotalSeconds, new KeyValuePair<string, object?>("operation", operation));

    public static void RecordRetry(string operation, string errorType) =>
        Retries.Add(1, new TagList { { "operation", operation }, { "error.type", errorType } });

    public static void RecordStored(StoreOutcome outcome, int count = 1) =>
        Stored.Add(count, new KeyValuePair<string, object?>("outcome", outcome.ToString()));

    public static void RecordIndexBuild(string index, string method, TimeSpan duration) =>
        IndexBuildDuration.Record(duration.TotalSeconds, new TagList { { "index", index }, { "method", method } });

    public static void RecordIndexRecall(string index, double recall, int effort)
    {
        IndexRecall.Record(recall, new KeyValuePair<string, object?>("index", index));
        IndexEffort.Record(effort, new KeyValuePair<string, object?>("index", index));
    }

    public static void RecordDelivery(string sink, string outcome) => Deliveries.Add(1, new TagList { { "sink", sink }, { "outcome", outcome } });

    public static void RecordDeliveryTime(string sink, TimeSpan duration) =>
        DeliveryDuration.Record(duration.TotalSeconds, new KeyValuePair<string, object?>("sink", sink));

    public static void RecordBacklog(string schema, InsightBacklog backlog)
    {
        BacklogSize.Record(backlog.Pending, new TagList { { "schema", schema }, { "sink", backlog.Sink }, { "state", "pending" } });
        BacklogSize.Record(backlog.Parked, new TagList { { "schema", schema }, { "sink", backlog.Sink }, { "state", "parked" } });
        BacklogAge.Record(backlog.OldestAge.TotalSeconds, new TagList { { "schema", schema }, { "sink", backlog.Sink } });
    }
}
