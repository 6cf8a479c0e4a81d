namespace UnifiedMemory;

/// <summary>How much work an <see cref="IEmbeddingProvider"/> wants at a time. The store keeps to it.</summary>
/// <param name="MaxBatchItems">Texts in one call, at least 1.</param>
/// <param name="MaxBatchCharacters">
/// Characters (UTF-16 code units) in one call, over all its texts. A single longer text is sent alone.
/// </param>
/// <param name="MaxConcurrentCalls">Calls under way at the same time, at least 1.</param>
public sealed record EmbeddingLimits(int MaxBatchItems = 16, int MaxBatchCharacters = 64 * 1024, int MaxConcurrentCalls = 2)
{
    /// <summary>16 texts and 65,536 characters a call, 2 calls at a time.</summary>
    public static EmbeddingLimits Default { get; } = new();
}
