using System.Globalization;

namespace UnifiedMemory.Benchmarks.Reporting;

/// <summary>What a measured value has to reach.</summary>
internal sealed record Target(double Bound, bool AtMost)
{
    public static Target Below(double bound) => new(bound, AtMost: true);

    public static Target Above(double bound) => new(bound, AtMost: false);

    public bool IsMetBy(double value) => AtMost ? value <= Bound : value >= Bound;

    /// <summary>The value, what was asked for, and the verdict: <c>1.03 (≤ 1.05, pass)</c>.</summary>
    public string Judge(double value, string format) => string.Create(
        CultureInfo.InvariantCulture,
        $"{value.ToString(format, CultureInfo.InvariantCulture)} ({(AtMost ? "≤" : "≥")} {Bound}, {(IsMetBy(value) ? "pass" : "**fail**")})");
}
