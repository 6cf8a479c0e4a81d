namespace UnifiedMemory;

/// <summary>What a search compares.</summary>
public enum SearchMode
{
    /// <summary>The vectors: how alike the meanings are.</summary>
    Vector,

    /// <summary>
    /// The words, ranked by BM25. Nothing is embedded, so it also works while the embedding service is down.
    /// </summary>
    Text,

    /// <summary>Both, fused. A query without a word to look for, such as "?" or "is it", is compared by vector alone.</summary>
    Hybrid,
}
