using Npgsql;

namespace UnifiedMemory.Postgres;

/// <summary>A row of <see cref="MemoryTable.RankAsync"/>, in the order of its columns after those of the memory.</summary>
internal sealed record MatchRow
{
    private const int Similarities = MemoryReader.Count;

    /// <summary><c>null</c> in the one row of a search that found nothing.</summary>
    public MemoryRecord? Record { get; init; }

    public Guid Id => Record!.Id;

    public double Similarity { get; init; }

    public double TextScore { get; init; }

    public int VectorRank { get; init; }

    public int TextRank { get; init; }

    public double Score { get; init; }

    public required MatchExplanation Explanation { get; init; }

    /// <summary>Only where matches are to differ from each other.</summary>
    public float[]? Embedding { get; init; }

    /// <summary>How many candidates the vectors had.</summary>
    public int Nearest { get; init; }

    /// <summary>The match that this row is a neighbour of; <c>null</c> for a match.</summary>
    public Guid? NeighbourOf { get; init; }

    public static MatchRow Read(NpgsqlDataReader row)
    {
        const int Embeddings = Similarities + 11;
        var nearest = row.GetInt32(Embeddings + 1);
        if (row.IsDBNull(0))
            return new MatchRow { Nearest = nearest, Explanation = new MatchExplanation() };
        return new MatchRow
        {
            Record = MemoryReader.Read(row),
            Similarity = row.GetDouble(Similarities),
            TextScore = row.GetDouble(Similarities + 1),
            VectorRank = row.GetInt32(Similarities + 2),
            TextRank = row.GetInt32(Similarities + 3),
            Score = row.GetDouble(Similarities + 4),
            Explanation = new MatchExplanation
            {
                Vector = row.GetDouble(Similarities + 5),
                Text = row.GetDouble(Similarities + 6),
                Neighbours = row.GetDouble(Similarities + 7),
                Time = row.GetDouble(Similarities + 8),
                Recency = row.GetDouble(Similarities + 9),
                Importance = row.GetDouble(Similarities + 10),
            },
            Embedding = row.IsDBNull(Embeddings) ? null : row.GetFieldValue<float[]>(Embeddings),
            Nearest = nearest,
            NeighbourOf = row.IsDBNull(Embeddings + 2) ? null : row.GetGuid(Embeddings + 2),
        };
    }

    public MemoryMatch ToMatch(SearchMode mode, IReadOnlyList<MemoryRecord> neighbours) => new(Record!, Similarity, Score)
    {
        TextScore = mode == SearchMode.Vector ? null : TextScore,
        VectorRank = mode == SearchMode.Text ? null : VectorRank,
        TextRank = TextScore > 0 ? TextRank : null,
        Explanation = Explanation,
        Neighbours = neighbours,
    };
}
