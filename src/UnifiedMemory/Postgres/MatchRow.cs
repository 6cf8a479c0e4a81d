namespace UnifiedMemory.Postgres;

/// <summary>A row of a search as Dapper reads it.</summary>
internal sealed class MatchRow : MemoryRow
{
    public double Similarity { get; set; }

    public double TextScore { get; set; }

    public int VectorRank { get; set; }

    public int TextRank { get; set; }

    public double Score { get; set; }

    public double VectorPart { get; set; }

    public double TextPart { get; set; }

    public double NeighbourPart { get; set; }

    public double TimePart { get; set; }

    public double RecencyFactor { get; set; }

    public double ImportanceFactor { get; set; }

    /// <summary>Only where matches are to differ from each other.</summary>
    public float[]? Embedding { get; set; }

    /// <summary>How many candidates the vectors had.</summary>
    public int Nearest { get; set; }

    /// <summary>The match that this row is a neighbour of; null for a match.</summary>
    public Guid? NeighbourOf { get; set; }

    /// <summary>A match of a search by vector alone: its score is its similarity.</summary>
    /// <param name="rank">Its place, from 1.</param>
    public MemoryMatch ToNearest(int rank) => new(ToRecord(), Similarity, Similarity)
    {
        VectorRank = rank,
        Explanation = new MatchExplanation { Vector = Similarity },
    };

    public MemoryMatch ToMatch(SearchMode mode, IReadOnlyList<MemoryRecord> neighbours) => new(ToRecord(), Similarity, Score)
    {
        TextScore = mode == SearchMode.Vector ? null : TextScore,
        VectorRank = mode == SearchMode.Text ? null : VectorRank,
        TextRank = TextScore > 0 ? TextRank : null,
        Explanation = new MatchExplanation
        {
            Vector = VectorPart,
            Text = TextPart,
            Neighbours = NeighbourPart,
            Time = TimePart,
            Recency = RecencyFactor,
            Importance = ImportanceFactor,
        },
        Neighbours = neighbours,
    };
}
