namespace UnifiedMemory;

/// <summary>
/// A question to the store: a text, and the restrictions of a <see cref="MemoryFilter"/>. The best memories that fulfil the
/// filter are found: <see cref="Limit"/> of them whenever that many exist (in text mode: that many with a word of the text).
/// </summary>
/// <param name="Text">What is looked for: not blank, at most <see cref="UnifiedMemoryOptions.MaxContentBytes"/> bytes of UTF-8.</param>
public sealed record MemoryQuery(string Text) : MemoryFilter
{
    /// <summary>How many memories to return at most, 1 to 1,000. Default: 10.</summary>
    public int Limit { get; init; } = 10;

    /// <summary>What is compared. Default: <see cref="SearchMode.Hybrid"/>.</summary>
    public SearchMode Mode { get; init; } = SearchMode.Hybrid;

    /// <summary>Only memories at least this similar, −1 to 1; not in text mode. Default: no bound.</summary>
    public double? MinimumSimilarity { get; init; }

    /// <summary>
    /// Compares every vector that fulfils the filter, without an index: perfect recall, at 1 s for each 400,000 of them or so.
    /// Default: the store decides by what is faster.
    /// </summary>
    public bool Exact { get; init; }

    /// <summary>How a hybrid search fuses. Default: <see cref="FusionMethod.WeightedScores"/>.</summary>
    public FusionMethod Fusion { get; init; } = FusionMethod.WeightedScores;

    /// <summary>
    /// The weight of the text score in a hybrid search, 0 to 1; that of the similarity is the rest. Default: 0.6, which was
    /// good for conversations and for code; more for a weak embedding model, less for a strong one.
    /// </summary>
    public double TextWeight { get; init; } = 0.6;

    /// <summary>
    /// How many memories before and after a hit, in its session and in the order of <see cref="MemoryRecord.CreatedAt"/>, raise its
    /// score, 0 to 10: the answer often stands beside the words of the question. Memories that do not fulfil the filter are passed over.
    /// Default: 0.
    /// </summary>
    public int Neighbours { get; init; }

    /// <summary>The share of its own score that a direct neighbour adds, 0 to 1; the next one adds half of that. Default: 0.5.</summary>
    public double NeighbourWeight { get; init; } = 0.5;

    /// <summary>Whether the neighbours come with their hit, in <see cref="MemoryMatch.Neighbours"/>. Default: no.</summary>
    public bool IncludeNeighbours { get; init; }

    /// <summary>
    /// How much a memory gains whose <see cref="MemoryRecord.CreatedAt"/> is near a date that the text names, 0 to 1 of a best score:
    /// <c>8 May 2023</c>, <c>May 8, 2023</c>, <c>2023-05-08</c>, <c>May 2023</c>, <c>in 2023</c>: English, days of UTC, in the first 2,000
    /// characters. A text without a date gains nothing. It orders what the words and the vector found, at least 100 memories; to find
    /// all of a time, set <see cref="MemoryFilter.CreatedFrom"/> and <see cref="MemoryFilter.CreatedBefore"/>. Default: 0.
    /// </summary>
    public double TimeWeight { get; init; }

    /// <summary>
    /// The age at which a memory's score is halved: score · 2^(−age / half-life), and a score below 0 is divided. It orders what the words and the vector found, at least
    /// 100 memories. Default: none, age does not matter.
    /// </summary>
    public TimeSpan? RecencyHalfLife { get; init; }

    /// <summary>
    /// How much <see cref="MemoryRecord.Importance"/> matters, 0 to 1: score · (1 + weight · (importance − 0.5)), and a score below 0 is divided. It orders what the words
    /// and the vector found, at least 100 memories. Default: 0.
    /// </summary>
    public double ImportanceWeight { get; init; }

    /// <summary>
    /// How much the matches shall differ from each other, 0 to 1, by maximal marginal relevance: (1 − d) · score / best score
    /// − d · similarity to the closest one already chosen (0 at least); they come in the order in which they were chosen. Carbonell and Goldstein, https://doi.org/10.1145/290941.291025. It never helped recall
    /// where it was measured. Default: 0.
    /// </summary>
    public double Diversity { get; init; }

    /// <summary>
    /// Whether the search sees everything that this process has stored, when reads go to standbys
    /// (<see cref="UnifiedMemoryOptions.PreferStandby"/>): it then asks the primary. Default: no.
    /// </summary>
    public bool ReadYourWrites { get; init; }
}
