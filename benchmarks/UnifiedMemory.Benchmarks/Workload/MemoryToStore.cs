using System.Security.Cryptography;
using System.Text;

namespace UnifiedMemory.Benchmarks.Workload;

/// <summary>
/// A memory with its vector and everything else that its row needs, made beforehand: the raw side computes nothing while it is timed.
/// </summary>
internal sealed record MemoryToStore(
    NewMemory Memory, float[] Vector, Guid Id, byte[] Hash, byte[] IdentityHash, string Metadata, string[] Tags, DateTime CreatedAt)
{
    public static MemoryToStore From(NewMemory memory, float[] vector) => new(
        memory,
        vector,
        Guid.CreateVersion7(),
        Sha256(memory.Content),
        IdentityOf(memory),
        memory.Metadata?.ToJsonString() ?? "{}",
        [.. memory.Tags],
        DateTime.UtcNow);

    /// <summary>So many of <see cref="MemorySet"/>, with vectors of this seed.</summary>
    public static IEnumerable<MemoryToStore> Create(string label, int count, int seed)
    {
        var vectors = new ClusteredVectors(seed, count);
        return MemorySet.Create(label, 0, count).Select(memory => From(memory, vectors.Next()));
    }

    /// <summary>The same of another workflow, which makes it another memory: texts and vectors can be used again.</summary>
    public MemoryToStore In(string workflow)
    {
        var memory = Memory with { WorkflowId = workflow };
        return this with { Memory = memory, Id = Guid.CreateVersion7(), IdentityHash = IdentityOf(memory) };
    }

    /// <summary>As the library does it: both sides write the same row.</summary>
    private static byte[] IdentityOf(NewMemory memory) => Sha256(string.Join(
        '\0', TypeNames.NameOf(memory.Type), memory.AgentId, memory.SessionId, memory.WorkflowId, Convert.ToHexStringLower(Sha256(memory.Content))));

    private static byte[] Sha256(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));
}
