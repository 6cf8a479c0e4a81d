namespace UnifiedMemory;

/// <summary>Which dependencies are meant: all conditions that are set must hold.</summary>
public sealed record DependencyFilter
{
    /// <summary>The one namespace to look in, or <see cref="MemoryFilter.AllNamespaces"/>. Default: <c>default</c>.</summary>
    public string Namespace { get; init; } = MemoryFilter.DefaultNamespace;

    /// <summary>Only dependencies of this project on others.</summary>
    public string? Source { get; init; }

    /// <summary>Only dependencies of others on this project.</summary>
    public string? Target { get; init; }

    /// <summary>Only dependencies of this type.</summary>
    public ProjectDependencyType? Type { get; init; }
}
