namespace UnifiedMemory;

/// <summary>
/// Turns texts into vectors. Implementations are thread-safe. The store batches, coalesces and caches calls, checks every
/// vector, and isolates a text that makes a batch fail; a provider only embeds.
/// </summary>
public interface IEmbeddingProvider
{
    /// <summary>The model's name. Part of the identity of the vector space.</summary>
    string Model { get; }

    /// <summary>Numbers in each vector, 1 to 2,000 (the limit of pgvector's HNSW index on <c>vector</c>).</summary>
    int Dimensions { get; }

    /// <summary>How much the provider wants at a time. Default: <see cref="EmbeddingLimits.Default"/>.</summary>
    EmbeddingLimits Limits => EmbeddingLimits.Default;

    /// <summary>Embeds the texts.</summary>
    /// <param name="texts">At most <see cref="Limits"/> when the store calls.</param>
    /// <param name="purpose">Whether the texts are stored or asked.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>One <c>float[Dimensions]</c> for each text, in the order of the texts; finite, and not all zero.</returns>
    /// <exception cref="EmbeddingRejectedException">
    /// A text cannot be embedded by this model; the same call without it would succeed.
    /// </exception>
    /// <exception cref="UnifiedMemoryException">The service is out of reach, overloaded, or set up wrongly.</exception>
    Task<IReadOnlyList<float[]>> EmbedAsync(
        IReadOnlyList<string> texts, EmbeddingPurpose purpose, CancellationToken cancellationToken = default);

    /// <summary>
    /// The identity of the vector space, asked once when a store opens. Override it to add what only the running
    /// service knows, such as the model's digest. Default: this type's name, <see cref="Model"/> and <see cref="Dimensions"/>.
    /// </summary>
    ValueTask<EmbeddingSpace> DescribeAsync(CancellationToken cancellationToken = default) =>
        ValueTask.FromResult(new EmbeddingSpace(GetType().Name, Model, Dimensions));
}
