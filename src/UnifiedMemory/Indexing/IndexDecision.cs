namespace UnifiedMemory.Indexing;

/// <summary>What is to be done about one index.</summary>
/// <param name="Step">What.</param>
/// <param name="Wanted">What the index is to be like; <c>null</c> where there is to be none.</param>
/// <param name="Reason">Why, in words for the report.</param>
internal sealed record IndexDecision(IndexStep Step, VectorIndexDefinition? Wanted, string Reason);
