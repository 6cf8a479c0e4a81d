using System.Globalization;

namespace UnifiedMemory;

/// <summary>
/// Why a memory was found: its score is (<see cref="Vector"/> + <see cref="Text"/> + <see cref="Neighbours"/> + <see cref="Time"/>)
/// · <see cref="Recency"/> · <see cref="Importance"/>. A sum below 0 is divided by the two instead: being old makes nothing better.
/// </summary>
public sealed record MatchExplanation
{
    /// <summary>From the similarity.</summary>
    public double Vector { get; init; }

    /// <summary>From the words.</summary>
    public double Text { get; init; }

    /// <summary>From the memories before and after it.</summary>
    public double Neighbours { get; init; }

    /// <summary>From being near a date that the query names.</summary>
    public double Time { get; init; }

    /// <summary>The factor for its age; 1 when age does not matter.</summary>
    public double Recency { get; init; } = 1;

    /// <summary>The factor for its importance; 1 when importance does not matter.</summary>
    public double Importance { get; init; } = 1;

    /// <summary>A sentence such as <c>0.31 vector + 0.52 text, · 0.90 recency</c>.</summary>
    public override string ToString()
    {
        (string Name, double Value)[] parts = [("vector", Vector), ("text", Text), ("neighbours", Neighbours), ("time", Time)];
        (string Name, double Value)[] factors = [("recency", Recency), ("importance", Importance)];
        var sum = string.Join(" + ", parts.Where(part => part.Value != 0).Select(Show));
        return string.Join(", · ", factors.Where(factor => factor.Value != 1).Select(Show).Prepend(sum.Length == 0 ? "0" : sum));

        static string Show((string Name, double Value) one) => string.Create(CultureInfo.InvariantCulture, $"{one.Value:0.00} {one.Name}");
    }
}
