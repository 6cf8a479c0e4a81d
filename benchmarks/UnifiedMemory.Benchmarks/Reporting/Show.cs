using System.Globalization;

namespace UnifiedMemory.Benchmarks.Reporting;

/// <summary>Numbers as the tables show them.</summary>
internal static class Show
{
    public static string Milliseconds(double seconds) => (seconds * 1e3).ToString("0.00", CultureInfo.InvariantCulture) + " ms";

    public static string Count(double count) => count.ToString("N0", CultureInfo.InvariantCulture);

    public static string Range((double Lowest, double Highest) range) =>
        string.Create(CultureInfo.InvariantCulture, $"{range.Lowest:0.00}–{range.Highest:0.00}");
}
