using System.Security.Cryptography;
using System.Text;
using UnifiedMemory.Insights;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Input;

/// <summary>A memory that is checked and has all that its row needs but the vector.</summary>
/// <param name="Source">What the caller gave.</param>
/// <param name="Id">That of the <see cref="ReceivedMemory"/>.</param>
/// <param name="ContentHash">SHA-256 of the content's UTF-8.</param>
/// <param name="MetadataJson">The metadata as JSON text.</param>
/// <param name="Tags">The tags without duplicates.</param>
/// <param name="CreatedAt">The caller's time, or when the memory came.</param>
internal sealed record PreparedMemory(
    NewMemory Source, Guid Id, byte[] ContentHash, string MetadataJson, string[] Tags, DateTime CreatedAt)
{
    /// <summary>What makes two memories the same one.</summary>
    public MemoryIdentity Identity { get; } = MemoryIdentity.Of(
        Source.Namespace, MemoryTypeNames.NameOf(Source.Type), Source.AgentId, Source.SessionId, Source.WorkflowId, ContentHash);

    /// <summary>The hash of the identity, as the database holds it.</summary>
    public byte[] IdentityHash => field ??= Identity.HashBytes;

    /// <summary>Whether it is an insight that the sinks are told of; one that is imported is not.</summary>
    public bool IsForSinks { get; init; }

    /// <summary>What is said of this insight, by the host or by whoever found it; otherwise its text says it when it is delivered.</summary>
    public InsightFacts? Insight { get; init; }

    /// <summary>The insights in it, memories of their own that are written with it.</summary>
    public IReadOnlyList<PreparedMemory> Found { get; init; } = [];

    /// <summary>Whether the host says that it is an insight: then that is written also when the memory is there already.</summary>
    public bool IsMarked { get; init; }

    public static byte[] Hash(string content) => SHA256.HashData(Encoding.UTF8.GetBytes(content));

    /// <exception cref="ArgumentException">A value is not allowed; the message says which, why, and the way out.</exception>
    public static PreparedMemory From(ReceivedMemory received, int maxContentBytes)
    {
        var memory = received.Memory;
        ArgumentNullException.ThrowIfNull(memory);
        TextRules.RequireContent(memory.Content, nameof(memory.Content), maxContentBytes);
        TextRules.RequireNamespace(memory.Namespace, nameof(memory.Namespace));
        MemoryRules.RequireType(memory.Type);
        MemoryRules.RequireImportance(memory.Importance);
        MemoryRules.RequireExpiresAt(memory.ExpiresAt);
        TextRules.RequireIfGiven(memory.Kind, nameof(memory.Kind));
        TextRules.RequireIfGiven(memory.SourceSystem, nameof(memory.SourceSystem));
        TextRules.RequireIfGiven(memory.AgentId, nameof(memory.AgentId));
        TextRules.RequireIfGiven(memory.SessionId, nameof(memory.SessionId));
        TextRules.RequireIfGiven(memory.WorkflowId, nameof(memory.WorkflowId));
        return new PreparedMemory(
            memory,
            received.Id,
            Hash(memory.Content),
            memory.Metadata is null ? "{}" : Input.MetadataJson.Serialize(memory.Metadata, nameof(memory.Metadata)),
            TextRules.RequireTags(memory.Tags, nameof(memory.Tags)),
            MemoryRules.RequireCreatedAt(memory.CreatedAt ?? received.At).UtcDateTime);
    }
}
