using UnifiedMemory.Postgres;

namespace UnifiedMemory.Searching;

/// <summary>
/// Maximal marginal relevance: of the candidates, the one that is good and unlike those chosen before, again and again.
/// Carbonell and Goldstein, https://doi.org/10.1145/290941.291025.
/// </summary>
internal static class MarginalRelevance
{
    /// <param name="candidates">Best first, with their vectors.</param>
    /// <param name="limit">How many to choose.</param>
    /// <param name="diversity">0 to 1: how much being unlike weighs against the score.</param>
    public static List<MatchRow> Choose(List<MatchRow> candidates, int limit, double diversity)
    {
        var open = new List<MatchRow>(candidates);
        var closest = candidates.ToDictionary(candidate => candidate.Id, _ => 0.0);
        var best = candidates.Select(candidate => candidate.Score).DefaultIfEmpty().Max();
        var chosen = new List<MatchRow>(limit);
        while (chosen.Count < limit && open.Count > 0)
        {
            var next = open.MaxBy(candidate =>
                ((1 - diversity) * (best > 0 ? candidate.Score / best : candidate.Score)) - (diversity * closest[candidate.Id]))!;
            open.Remove(next);
            chosen.Add(next);
            foreach (var candidate in open)
                closest[candidate.Id] = Math.Max(closest[candidate.Id], Cosine(candidate.Embedding!, next.Embedding!));
        }

        return chosen;
    }

    private static double Cosine(float[] left, float[] right)
    {
        double product = 0, lefts = 0, rights = 0;
        for (var i = 0; i < left.Length; i++)
        {
            product += left[i] * right[i];
            lefts += left[i] * left[i];
            rights += right[i] * right[i];
        }

        return product / Math.Sqrt(lefts * rights);
    }
}
