using System.Security.Cryptography;
using System.Text;

namespace UnifiedMemory.Benchmarks.Raw;

/// <summary>A memory with everything that its row needs, made beforehand: the raw side computes nothing while it is timed.</summary>
internal sealed record RawRow(NewMemory Memory, Guid Id, byte[] Hash, float[] Vector, string Metadata, string[] Tags, DateTime CreatedAt)
{
    public static RawRow From(NewMemory memory, float[] vector, DateTime createdAt) => new(
        memory,
        Guid.CreateVersion7(),
        SHA256.HashData(Encoding.UTF8.GetBytes(memory.Content)),
        vector,
        memory.Metadata?.ToJsonString() ?? "{}",
        [.. memory.Tags],
        createdAt);
}
