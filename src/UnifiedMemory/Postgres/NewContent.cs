using UnifiedMemory.Input;

namespace UnifiedMemory.Postgres;

/// <summary>What follows from new content.</summary>
internal sealed record NewContent(byte[] Hash, MemoryIdentity Identity, float[] Vector);
