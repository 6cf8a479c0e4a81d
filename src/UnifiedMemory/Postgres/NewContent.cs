using UnifiedMemory.Input;

namespace UnifiedMemory.Postgres;

/// <summary>What follows from new content.</summary>
/// <param name="Hash">SHA-256 of its UTF-8.</param>
/// <param name="Identity">What tells the memory from others now.</param>
/// <param name="Vector">Its embedding.</param>
/// <param name="Found">The insights in it.</param>
internal sealed record NewContent(
    byte[] Hash, MemoryIdentity Identity, float[] Vector, IReadOnlyList<(PreparedMemory Memory, float[] Vector)> Found);
