using System.Diagnostics.Metrics;

namespace UnifiedMemory.Backup.Monitoring;

/// <summary>
/// The meter <c>UnifiedMemory.Backup</c>. Units and names after https://opentelemetry.io/docs/specs/semconv/general/metrics/.
/// </summary>
internal static class BackupMetrics
{
    private static readonly Meter Meter = new("UnifiedMemory.Backup");

    public static readonly Histogram<double> Duration = Meter.CreateHistogram<double>(
        "unifiedmemory.backup.duration", "s", "Time that making a backup took, by kind and outcome.");

    public static readonly Histogram<long> Bytes = Meter.CreateHistogram<long>(
        "unifiedmemory.backup.size", "By", "Size of a backup, by kind.");

    public static readonly Counter<long> Verifications = Meter.CreateCounter<long>(
        "unifiedmemory.backup.verifications", "{verification}", "Verifications, by kind and outcome.");

    public static readonly Histogram<double> RecoveryDuration = Meter.CreateHistogram<double>(
        "unifiedmemory.backup.recovery.duration", "s", "Time until a restored store could be used, by kind.");

    public static readonly Counter<long> Removed = Meter.CreateCounter<long>(
        "unifiedmemory.backup.removed", "{backup}", "Backups that retention removed.");
}
