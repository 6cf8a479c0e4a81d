using System.Text.Json.Nodes;

namespace UnifiedMemory;

/// <summary>One project depends on another. There is one dependency of a type from one project to another in a namespace.</summary>
/// <param name="Source">The project that depends. At most 256 characters.</param>
/// <param name="Target">The project that it depends on. At most 256 characters.</param>
/// <param name="Type">How.</param>
public sealed record ProjectDependency(string Source, string Target, ProjectDependencyType Type)
{
    /// <summary>The id: a UUID of version 7, made when it is stored. What is given to <c>AddDependencyAsync</c> is ignored.</summary>
    public Guid Id { get; init; }

    /// <summary>The tenant that it belongs to. Default: <c>default</c>.</summary>
    public string Namespace { get; init; } = MemoryFilter.DefaultNamespace;

    /// <summary>In the host's own words. At most 10,000 characters.</summary>
    public string? Description { get; init; }

    /// <summary>A JSON object of the host's, at most 64 KiB.</summary>
    public JsonObject? Metadata { get; init; }

    /// <summary>When it was found. Default: now.</summary>
    public DateTimeOffset? CreatedAt { get; init; }
}
