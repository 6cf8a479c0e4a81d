using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace UnifiedMemory.SessionBuddy.Monitoring;

/// <summary>The meter <c>UnifiedMemory.SessionBuddy</c>.</summary>
internal static class SessionBuddyMetrics
{
    public const string ViaServer = "server";
    public const string ViaFile = "file";

    private static readonly Meter Meter = new("UnifiedMemory.SessionBuddy");

    private static readonly Counter<long> Deliveries = Meter.CreateCounter<long>(
        "unifiedmemory.sessionbuddy.deliveries", "{insight}", "Tries to deliver an insight, by the way it took (server or file) and by outcome.");

    public static void RecordDelivery(string via, InsightOutcome outcome)
    {
        Deliveries.Add(1, new TagList { { "via", via }, { "outcome", outcome.ToString() } });
        Activity.Current?.SetTag("unifiedmemory.sessionbuddy.via", via);
    }
}
