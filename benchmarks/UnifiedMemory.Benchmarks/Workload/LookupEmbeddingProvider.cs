using System.Collections.Concurrent;

namespace UnifiedMemory.Benchmarks.Workload;

/// <summary>Knows the vector of each text beforehand, so that embedding costs next to nothing.</summary>
internal sealed class LookupEmbeddingProvider : IEmbeddingProvider
{
    private readonly ConcurrentDictionary<string, float[]> _vectors = new(StringComparer.Ordinal);

    public string Model => "benchmark";

    public int Dimensions => ClusteredVectors.Dimensions;

    public EmbeddingLimits Limits { get; } = new(MaxBatchItems: 100_000, MaxBatchCharacters: int.MaxValue);

    public void Add(string text, float[] vector) => _vectors[text] = vector;

    public void Clear() => _vectors.Clear();

    public Task<IReadOnlyList<float[]>> EmbedAsync(
        IReadOnlyList<string> texts, EmbeddingPurpose purpose, CancellationToken cancellationToken = default)
    {
        var vectors = new float[texts.Count][];
        for (var i = 0; i < vectors.Length; i++)
            vectors[i] = _vectors[texts[i]];
        return Task.FromResult<IReadOnlyList<float[]>>(vectors);
    }
}
