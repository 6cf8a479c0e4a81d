using Microsoft.Extensions.AI;

namespace UnifiedMemory.Tests.Embeddings;

/// <summary>A generator of Microsoft.Extensions.AI in memory.</summary>
internal sealed class ScriptedGenerator(EmbeddingGeneratorMetadata? metadata) : IEmbeddingGenerator<string, Embedding<float>>
{
    public List<string> Seen { get; } = [];

    public Exception? Failure { get; set; }

    public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (Failure is not null)
            throw Failure;
        string[] texts = [.. values];
        lock (Seen)
            Seen.AddRange(texts);
        return Task.FromResult(new GeneratedEmbeddings<Embedding<float>>(
            texts.Select(text => new Embedding<float>(ScriptedProvider.VectorOf(text)))));
    }

    public object? GetService(Type serviceType, object? serviceKey = null) =>
        serviceType == typeof(EmbeddingGeneratorMetadata) ? metadata : null;

    public void Dispose()
    {
    }
}
