namespace UnifiedMemory.Embeddings;

/// <summary>What became of one text: a vector, or the reason why there is none. Vectors are shared: read them only.</summary>
internal readonly record struct EmbeddingResult(float[]? Vector, UnifiedMemoryException? Error);
