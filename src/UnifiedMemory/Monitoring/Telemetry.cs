using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace UnifiedMemory.Monitoring;

/// <summary>What a host listens to, both under the name <c>UnifiedMemory</c>.</summary>
internal static class Telemetry
{
    public static readonly ActivitySource Source = new("UnifiedMemory");

    public static readonly Meter Meter = new("UnifiedMemory");
}
