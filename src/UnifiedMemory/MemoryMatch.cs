namespace UnifiedMemory;

/// <summary>A memory that a search found, and why.</summary>
/// <param name="Record">The memory.</param>
/// <param name="Similarity">
/// Cosine similarity of the memory and the query, −1 to 1; 1 is the same direction. 0 in text mode, where no vectors are compared.
/// </param>
/// <param name="Score">What the matches are ordered by, best first, unless they are to be diverse. In a plain vector search it is <paramref name="Similarity"/>.</param>
public sealed record MemoryMatch(MemoryRecord Record, double Similarity, double Score)
{
    /// <summary>The BM25 score, 0 or more; <c>null</c> when words were not looked for.</summary>
    public double? TextScore { get; init; }

    /// <summary>The place by similarity among the candidates, which are near, have a word, or stand beside those, from 1; <c>null</c> in text mode.</summary>
    public int? VectorRank { get; init; }

    /// <summary>The place by text score among the candidates, from 1; <c>null</c> when it has no word of the query.</summary>
    public int? TextRank { get; init; }

    /// <summary>What the score is made of.</summary>
    public required MatchExplanation Explanation { get; init; }

    /// <summary>The memories before and after it, when <see cref="MemoryQuery.IncludeNeighbours"/> asked for them; in their order.</summary>
    public IReadOnlyList<MemoryRecord> Neighbours { get; init; } = [];
}
