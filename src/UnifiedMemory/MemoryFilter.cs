namespace UnifiedMemory;

/// <summary>
/// Which memories are meant: all conditions that are set must hold. Expired memories never match.
/// </summary>
public record MemoryFilter
{
    /// <summary>The namespace of memories that name none: <c>default</c>.</summary>
    public const string DefaultNamespace = "default";

    /// <summary>
    /// Given as <see cref="Namespace"/>, it means every namespace: <c>*</c>. It has to be asked for, so that a forgotten
    /// tenant shows nothing of the others.
    /// </summary>
    public const string AllNamespaces = "*";

    /// <summary>The one namespace to look in, or <see cref="AllNamespaces"/>. Default: <c>default</c>.</summary>
    public string Namespace { get; init; } = DefaultNamespace;

    /// <summary>Only memories of these types. Default: all; an empty list also means all.</summary>
    public IReadOnlyList<MemoryType> Types { get; init; } = [];

    /// <summary>Only memories of this kind.</summary>
    public string? Kind { get; init; }

    /// <summary>Only memories of this agent.</summary>
    public string? AgentId { get; init; }

    /// <summary>Only memories of this session.</summary>
    public string? SessionId { get; init; }

    /// <summary>Only memories of this workflow.</summary>
    public string? WorkflowId { get; init; }

    /// <summary>Only memories from this system.</summary>
    public string? SourceSystem { get; init; }

    /// <summary>Only memories that have all of these tags.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>Only memories whose metadata fulfils this condition.</summary>
    public MetadataFilter? Metadata { get; init; }

    /// <summary>Only memories created at or after this time.</summary>
    public DateTimeOffset? CreatedFrom { get; init; }

    /// <summary>Only memories created before this time.</summary>
    public DateTimeOffset? CreatedBefore { get; init; }
}
