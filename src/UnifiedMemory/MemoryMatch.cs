namespace UnifiedMemory;

/// <summary>A memory that a search found.</summary>
/// <param name="Record">The memory.</param>
/// <param name="Similarity">Cosine similarity of the memory and the query, −1 to 1; 1 is the same direction.</param>
/// <param name="Score">What the matches are ordered by, best first. In a vector search it is <paramref name="Similarity"/>.</param>
public sealed record MemoryMatch(MemoryRecord Record, double Similarity, double Score);
