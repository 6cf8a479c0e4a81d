namespace UnifiedMemory;

/// <summary>How a hybrid search makes one score of the similarity and the text score.</summary>
public enum FusionMethod
{
    /// <summary>
    /// A weighted sum, after each is divided by the largest amount among the candidates of the search; see <see cref="MemoryQuery.TextWeight"/>.
    /// </summary>
    WeightedScores,

    /// <summary>
    /// Reciprocal rank fusion: 1 / (60 + rank) of each, weighted and added. Cormack, Clarke and Büttcher, "Reciprocal rank fusion
    /// outperforms Condorcet and individual rank learning methods", https://doi.org/10.1145/1571941.1572114. It looks at no
    /// score, and so loses what a clear lead says.
    /// </summary>
    ReciprocalRank,
}
