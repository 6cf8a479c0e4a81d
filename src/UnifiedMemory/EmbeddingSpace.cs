namespace UnifiedMemory;

/// <summary>
/// The identity of a vector space. Vectors are comparable only when all of this is equal, so a store records the space
/// that it was created with and refuses to open with another one.
/// </summary>
/// <param name="Provider">Who makes the vectors, for example <c>ollama</c>.</param>
/// <param name="Model">The model's name as the provider knows it, for example <c>nomic-embed-text</c>.</param>
/// <param name="Dimensions">Numbers in a vector.</param>
public sealed record EmbeddingSpace(string Provider, string Model, int Dimensions)
{
    /// <summary>The digest of the model's weights; <c>null</c> where it is not known, and then it is not compared.</summary>
    public string? Digest { get; init; }

    /// <summary>Put in front of every stored text before it is embedded. Default: empty.</summary>
    public string DocumentPrefix { get; init; } = "";

    /// <summary>Put in front of every query before it is embedded. Default: empty.</summary>
    public string QueryPrefix { get; init; } = "";
}
