using UnifiedMemory.Quality.Sets;

namespace UnifiedMemory.Quality.Running;

/// <summary>The vectors that come with a set, by text; unchanged, since they are of unit length as they are.</summary>
internal sealed class LookupEmbeddingProvider : IEmbeddingProvider
{
    private readonly Dictionary<string, float[]> _documents = new(StringComparer.Ordinal);
    private readonly Dictionary<string, float[]> _queries = new(StringComparer.Ordinal);

    /// <exception cref="InvalidDataException">The set has two vectors for one text.</exception>
    public LookupEmbeddingProvider(RetrievalSet set)
    {
        Dimensions = set.Dimensions;
        foreach (var (memory, vector) in set.Documents)
            Add(_documents, memory.Content, vector, set.Name);
        foreach (var question in set.Questions)
            Add(_queries, question.Text, question.Vector, set.Name);
    }

    public string Model => "as given";

    public int Dimensions { get; }

    public EmbeddingLimits Limits { get; } = new(MaxBatchItems: 10_000, MaxBatchCharacters: int.MaxValue);

    public Task<IReadOnlyList<float[]>> EmbedAsync(
        IReadOnlyList<string> texts, EmbeddingPurpose purpose, CancellationToken cancellationToken = default)
    {
        var vectors = purpose == EmbeddingPurpose.Document ? _documents : _queries;
        return Task.FromResult<IReadOnlyList<float[]>>([.. texts.Select(text => vectors.TryGetValue(text, out var vector)
            ? vector
            : throw new EmbeddingRejectedException($"The set has no vector for this text of {text.Length:N0} characters."))]);
    }

    private static void Add(Dictionary<string, float[]> vectors, string text, float[] vector, string set)
    {
        if (!vectors.TryAdd(text, vector) && !vectors[text].AsSpan().SequenceEqual(vector))
            throw new InvalidDataException($"The set '{set}' has two vectors for one text of {text.Length:N0} characters.");
    }
}
