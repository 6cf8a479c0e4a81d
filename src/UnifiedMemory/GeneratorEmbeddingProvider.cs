using Microsoft.Extensions.AI;
using UnifiedMemory.Embeddings;

namespace UnifiedMemory;

/// <summary>
/// Embeds with any generator of <c>Microsoft.Extensions.AI</c> (OpenAI, Azure, Ollama, ONNX, …), as it is configured. Retries
/// and time-outs are the generator's own; batches, checks and caching are the store's.
/// </summary>
public sealed class GeneratorEmbeddingProvider : IEmbeddingProvider
{
    private readonly IEmbeddingGenerator<string, Embedding<float>> _generator;
    private readonly string _documentPrefix;
    private readonly string _queryPrefix;
    private readonly string _provider;

    /// <summary>Creates the provider.</summary>
    /// <param name="generator">Makes the vectors; stays the caller's.</param>
    /// <param name="model">
    /// The name of the generator's model, to identify its vectors. Default: its
    /// <see cref="EmbeddingGeneratorMetadata.DefaultModelId"/>.
    /// </param>
    /// <param name="dimensions">
    /// Numbers in a vector of the generator, 1 to 2,000. Default: its
    /// <see cref="EmbeddingGeneratorMetadata.DefaultModelDimensions"/>.
    /// </param>
    /// <param name="documentPrefix">Put in front of every stored text. Default: empty.</param>
    /// <param name="queryPrefix">Put in front of every query. Default: empty.</param>
    /// <param name="limits">How much the generator wants at a time. Default: <see cref="EmbeddingLimits.Default"/>.</param>
    /// <exception cref="ArgumentException">The model or the dimensions are neither given nor known to the generator.</exception>
    public GeneratorEmbeddingProvider(
        IEmbeddingGenerator<string, Embedding<float>> generator, string? model = null, int? dimensions = null,
        string documentPrefix = "", string queryPrefix = "", EmbeddingLimits? limits = null)
    {
        ArgumentNullException.ThrowIfNull(generator);
        ArgumentNullException.ThrowIfNull(documentPrefix);
        ArgumentNullException.ThrowIfNull(queryPrefix);
        var metadata = generator.GetService(typeof(EmbeddingGeneratorMetadata)) as EmbeddingGeneratorMetadata;
        Model = model ?? metadata?.DefaultModelId ?? throw new ArgumentException(
            $"{generator.GetType().Name} does not tell its model; pass its name.", nameof(model));
        Dimensions = dimensions ?? metadata?.DefaultModelDimensions ?? throw new ArgumentException(
            $"{generator.GetType().Name} does not tell the length of its vectors; pass it.", nameof(dimensions));
        ArgumentOutOfRangeException.ThrowIfLessThan(Dimensions, 1, nameof(dimensions));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Dimensions, 2000, nameof(dimensions));

        _generator = generator;
        _documentPrefix = documentPrefix;
        _queryPrefix = queryPrefix;
        _provider = metadata?.ProviderName ?? generator.GetType().Name;
        Limits = limits ?? EmbeddingLimits.Default;
    }

    /// <inheritdoc/>
    public string Model { get; }

    /// <inheritdoc/>
    public int Dimensions { get; }

    /// <inheritdoc/>
    public EmbeddingLimits Limits { get; }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<float[]>> EmbedAsync(
        IReadOnlyList<string> texts, EmbeddingPurpose purpose, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        if (texts.Count == 0)
            return [];

        foreach (var text in texts)
            EmbeddingText.RequireWellFormed(text);

        var prefix = purpose == EmbeddingPurpose.Query ? _queryPrefix : _documentPrefix;
        var inputs = prefix.Length == 0 ? texts : [.. texts.Select(text => prefix + text)];
        try
        {
            var embeddings = await _generator.GenerateAsync(inputs, options: null, cancellationToken).ConfigureAwait(false);
            return [.. embeddings.Select(embedding => embedding.Vector.ToArray())];
        }
        catch (Exception error) when (
            error is not (UnifiedMemoryException or ArgumentException) && !cancellationToken.IsCancellationRequested)
        {
            throw ForeignFailure.Of($"{_provider} failed to embed {texts.Count} texts with {Model}", error);
        }
    }

    /// <inheritdoc/>
    public ValueTask<EmbeddingSpace> DescribeAsync(CancellationToken cancellationToken = default) =>
        ValueTask.FromResult(new EmbeddingSpace(_provider, Model, Dimensions)
        {
            DocumentPrefix = _documentPrefix,
            QueryPrefix = _queryPrefix,
        });
}
