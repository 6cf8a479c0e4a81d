namespace UnifiedMemory.Quality.Scoring;

/// <summary>A measure of one ranking: 0 is the worst, 1 the best. What is evidence counts 1, everything else 0.</summary>
/// <param name="Name">For example <c>recall@10</c>.</param>
/// <param name="Of">The measure of the names that were found, best first and each once, against the evidence, which is not empty.</param>
internal sealed record Metric(string Name, Func<IReadOnlyList<string>, IReadOnlySet<string>, double> Of)
{
    /// <summary>Hits that a search is asked for, so that every measure has what it looks at.</summary>
    public const int Depth = 20;

    public static IReadOnlyList<Metric> All { get; } =
    [
        new("recall@1", (found, evidence) => Recall(found, evidence, 1)),
        new("recall@5", (found, evidence) => Recall(found, evidence, 5)),
        new("recall@10", (found, evidence) => Recall(found, evidence, 10)),
        new("recall@20", (found, evidence) => Recall(found, evidence, 20)),
        new("mrr", ReciprocalRank),
        new("ndcg@10", (found, evidence) => Ndcg(found, evidence, 10)),
    ];

    /// <summary>The share of the evidence that is among the first <paramref name="depth"/>.</summary>
    public static double Recall(IReadOnlyList<string> found, IReadOnlySet<string> evidence, int depth) =>
        (double)found.Take(depth).Count(evidence.Contains) / evidence.Count;

    /// <summary>1 / rank of the first evidence; 0 when there is none among what was found. Its mean is the MRR.</summary>
    public static double ReciprocalRank(IReadOnlyList<string> found, IReadOnlySet<string> evidence)
    {
        for (var i = 0; i < found.Count; i++)
        {
            if (evidence.Contains(found[i]))
                return 1.0 / (i + 1);
        }

        return 0;
    }

    /// <summary>
    /// Normalised discounted cumulative gain: the sum of 1 / log2(rank + 1) over the evidence among the first
    /// <paramref name="depth"/>, as a share of the largest that is possible. Järvelin and Kekäläinen,
    /// https://doi.org/10.1145/582415.582418.
    /// </summary>
    public static double Ndcg(IReadOnlyList<string> found, IReadOnlySet<string> evidence, int depth)
    {
        var gain = Enumerable.Range(0, Math.Min(found.Count, depth)).Where(i => evidence.Contains(found[i])).Sum(Discount);
        return gain / Enumerable.Range(0, Math.Min(evidence.Count, depth)).Sum(Discount);

        static double Discount(int index) => 1 / Math.Log2(index + 2);
    }
}
