using System.Numerics;
using UnifiedMemory.Embeddings;
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
    /// <param name="cancellationToken">Ends it: a thousand out of two thousand take some tenths of a second.</param>
    public static List<MatchRow> Choose(List<MatchRow> candidates, int limit, double diversity, CancellationToken cancellationToken)
    {
        var open = candidates.ConvertAll(candidate => new Candidate(candidate, Normalized(candidate.Embedding!)));
        var best = candidates.Select(candidate => candidate.Score).DefaultIfEmpty().Max();
        var chosen = new List<MatchRow>(limit);
        while (chosen.Count < limit && open.Count > 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var next = open.MaxBy(candidate =>
                ((1 - diversity) * (best > 0 ? candidate.Row.Score / best : candidate.Row.Score)) - (diversity * candidate.Closest))!;
            open.Remove(next);
            chosen.Add(next.Row);
            foreach (var candidate in open)
                candidate.Closest = Math.Max(candidate.Closest, Product(candidate.Direction, next.Direction));
        }

        return chosen;
    }

    private static float[] Normalized(float[] vector)
    {
        var length = VectorCheck.Norm(vector);
        return Array.ConvertAll(vector, number => (float)(number / length));
    }

    private static float Product(float[] left, float[] right)
    {
        var (sum, i) = (Vector<float>.Zero, 0);
        for (; i <= left.Length - Vector<float>.Count; i += Vector<float>.Count)
            sum += new Vector<float>(left, i) * new Vector<float>(right, i);
        var product = Vector.Sum(sum);
        for (; i < left.Length; i++)
            product += left[i] * right[i];
        return product;
    }

    private sealed class Candidate(MatchRow row, float[] direction)
    {
        public MatchRow Row { get; } = row;

        public float[] Direction { get; } = direction;

        /// <summary>The similarity to the closest one that is chosen, 0 at least.</summary>
        public float Closest { get; set; }
    }
}
