namespace UnifiedMemory.Backup;

/// <summary>A search whose answer was recorded: a restored store must find the same.</summary>
/// <param name="Namespace">The namespace that is searched.</param>
/// <param name="Vector">The stored vector that is searched with: <c>float[Dimensions]</c>, four bytes each, little-endian, in Base64.</param>
/// <param name="Ids">
/// Memories that are among the nearest ten, whatever the time: those that never expire and are nearer than the eleventh.
/// </param>
public sealed record CanarySearch(string Namespace, string Vector, IReadOnlyList<Guid> Ids);
