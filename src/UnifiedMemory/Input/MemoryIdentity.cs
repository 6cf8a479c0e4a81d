namespace UnifiedMemory.Input;

/// <summary>What makes two memories the same one; in the database it is the constraint <c>memories_identity</c>.</summary>
internal readonly record struct MemoryIdentity(
    string Namespace, MemoryType Type, string ContentHash, string? AgentId, string? SessionId, string? WorkflowId);
