using UnifiedMemory.Input;

namespace UnifiedMemory.Postgres;

/// <summary>
/// What tells a stored memory from others; all but the content never changes. And what insights take over that are found in new content.
/// </summary>
internal sealed record StoredIdentity
{
    public string Namespace { get; init; } = "";

    public string Type { get; init; } = "";

    public string? AgentId { get; init; }

    public string? SessionId { get; init; }

    public string? WorkflowId { get; init; }

    public byte[] ContentHash { get; init; } = [];

    public string Metadata { get; init; } = "{}";

    public string[] Tags { get; init; } = [];

    public float Importance { get; init; }

    public DateTime CreatedAt { get; init; }

    public DateTime? ExpiresAt { get; init; }

    /// <summary>
    /// The memory as the update makes it: what insights are looked for in, which belong to none but their namespace. They were written here,
    /// whatever system the memory came from.
    /// </summary>
    public NewMemory With(MemoryUpdate update) => new(update.Content!, MemoryTypeNames.Parse(Type))
    {
        Namespace = Namespace,
        Metadata = update.Metadata ?? MetadataJson.Parse(Metadata),
        Tags = update.Tags ?? Tags,
        Importance = update.Importance ?? Importance,
        CreatedAt = CreatedAt,
        ExpiresAt = update.ExpiresAt ?? ExpiresAt,
    };

    public MemoryIdentity With(byte[] contentHash) => MemoryIdentity.Of(Namespace, Type, AgentId, SessionId, WorkflowId, contentHash);
}
