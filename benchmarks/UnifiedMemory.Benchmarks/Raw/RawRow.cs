using System.Security.Cryptography;
using System.Text;

namespace UnifiedMemory.Benchmarks.Raw;

/// <summary>A memory with everything that its row needs, made beforehand: the raw side computes nothing while it is timed.</summary>
internal sealed record RawRow(NewMemory Memory, Guid Id, byte[] Hash, byte[] IdentityHash, float[] Vector, string Metadata, string[] Tags, DateTime CreatedAt)
{
    public static RawRow From(NewMemory memory, float[] vector, DateTime createdAt) => new(
        memory,
        Guid.CreateVersion7(),
        Sha256(memory.Content),
        IdentityOf(memory),
        vector,
        memory.Metadata?.ToJsonString() ?? "{}",
        [.. memory.Tags],
        createdAt);

    /// <summary>The library's own, or else the look-up by hand would not find what the library stored.</summary>
    public static byte[] IdentityOf(NewMemory memory) => Sha256(string.Join(
        '\0', RawTypes.NameOf(memory.Type), memory.AgentId, memory.SessionId, memory.WorkflowId, Convert.ToHexStringLower(Sha256(memory.Content))));

    private static byte[] Sha256(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));
}
