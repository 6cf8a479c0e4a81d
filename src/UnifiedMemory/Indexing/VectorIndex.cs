namespace UnifiedMemory.Indexing;

/// <summary>A vector index that is there, and what was measured of it: a row of <c>vector_indexes</c>.</summary>
/// <param name="Name">The index's name, without quotes.</param>
/// <param name="Type">The one type whose memories it holds; <c>null</c> when it holds all.</param>
/// <param name="Method">What it is.</param>
/// <param name="HalfPrecision">
/// Whether it is on <c>embedding::halfvec(dimensions)</c>; a search must order by that same expression, or it is not used.
/// </param>
/// <param name="Effort">
/// What a search sets to reach the recall asked for: <c>hnsw.ef_search</c> or <c>ivfflat.probes</c>.
/// </param>
/// <param name="Lists">The lists of an IVFFlat index; 0 for HNSW.</param>
/// <param name="Rows">Memories in it when it was built.</param>
/// <param name="Reserve">
/// How many candidates it takes for each of the nearest that a filter reaches down to, as measured; <c>null</c> for one that was not.
/// </param>
internal sealed record VectorIndex(
    string Name, MemoryType? Type, VectorIndexMethod Method, bool HalfPrecision, int Effort, int Lists, long Rows, double? Reserve = null);
