using System.Globalization;

namespace UnifiedMemory.Benchmarks.Running;

/// <summary>One line of the table: medians of both sides, their ratio (library / raw), and its range over the run.</summary>
internal sealed record Comparison(string Name, int Rounds, string Raw, string Library, double Ratio, double Lowest, double Highest)
{
    public const string Header =
        """
        | comparison | rounds | raw, p50 | library, p50 | ratio | range of the ratio |
        |---|---|---|---|---|---|
        """;

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"| {Name} | {Rounds:N0} | {Raw} | {Library} | {Ratio:0.00} | {Lowest:0.00}–{Highest:0.00} |");
}
