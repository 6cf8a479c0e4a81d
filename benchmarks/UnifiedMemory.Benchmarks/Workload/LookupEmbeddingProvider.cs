using System.Collections.Concurrent;

namespace UnifiedMemory.Benchmarks.Workload;

/// <summary>Knows the vector of each text beforehand, so that embedding costs next to nothing, or as long as is wanted.</summary>
internal sealed class LookupEmbeddingProvider : IEmbeddingProvider
{
    private readonly ConcurrentDictionary<string, float[]> _vectors = new(StringComparer.Ordinal);

    public string Model => "benchmark";

    public int Dimensions => ClusteredVectors.Dimensions;

    public EmbeddingLimits Limits { get; } = new(MaxBatchItems: 100_000, MaxBatchCharacters: int.MaxValue);

    /// <summary>How long a call takes, as that of a model does.</summary>
    public TimeSpan CallTime { get; set; }

    public void Add(string text, float[] vector) => _vectors[text] = vector;

    public void Clear() => _vectors.Clear();

    public async Task<IReadOnlyList<float[]>> EmbedAsync(
        IReadOnlyList<string> texts, EmbeddingPurpose purpose, CancellationToken cancellationToken = default)
    {
        if (CallTime > TimeSpan.Zero)
            await Task.Delay(CallTime, cancellationToken);
        var vectors = new float[texts.Count][];
        for (var i = 0; i < vectors.Length; i++)
            vectors[i] = _vectors[texts[i]];
        return vectors;
    }
}
