using UnifiedMemory.Input;

namespace UnifiedMemory.Postgres;

/// <summary>What tells a stored memory from others. All but the content never changes.</summary>
internal sealed record StoredIdentity
{
    public string Namespace { get; init; } = "";

    public string Type { get; init; } = "";

    public string? AgentId { get; init; }

    public string? SessionId { get; init; }

    public string? WorkflowId { get; init; }

    public byte[] ContentHash { get; init; } = [];

    public MemoryIdentity With(byte[] contentHash) => MemoryIdentity.Of(Namespace, Type, AgentId, SessionId, WorkflowId, contentHash);
}
