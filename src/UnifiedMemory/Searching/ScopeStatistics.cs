namespace UnifiedMemory.Searching;

/// <summary>What is known of the memories that fulfil a filter, its scope: sampled or counted, never guessed.</summary>
/// <param name="Total">Memories in the table.</param>
/// <param name="Visited">Memories that fulfil the conditions an ordinary index can answer: what an exact search reads.</param>
/// <param name="Matching">Memories that fulfil the whole filter.</param>
/// <param name="AverageWords">The average number of different words of those, for BM25; 0 when there are none.</param>
internal sealed record ScopeStatistics(double Total, double Visited, double Matching, double AverageWords)
{
    private const double MostScarce = 8;

    /// <summary>
    /// How many times rarer the matching ones are near the queries than in the whole table: 1, and more after searches through an
    /// index that found too few. Only ever raised, and forgotten with the statistics. It has a bound, since searches elsewhere pay for
    /// it too: a few queries far from their matching memories must not make all others compare a large scope one by one.
    /// </summary>
    public double Scarcity { get; private set; } = 1;

    /// <summary>
    /// Twice what would have been enough, four times at most: one who missed a single memory by chance makes the others look at few more.
    /// </summary>
    /// <param name="planned">The scarcity that the search was planned with: a hundred that fail together raise it once.</param>
    /// <param name="found">How many there were.</param>
    /// <param name="wanted">How many there were to be.</param>
    public void FoundTooFew(double planned, int found, int wanted) =>
        Scarcity = Math.Max(Scarcity, Math.Min(planned * Math.Min(2.0 * wanted / Math.Max(1, found), 4), MostScarce));
}
