namespace UnifiedMemory;

/// <summary>Which patterns are meant: all conditions that are set must hold.</summary>
public sealed record PatternFilter
{
    /// <summary>The one namespace to look in, or <see cref="MemoryFilter.AllNamespaces"/>. Default: <c>default</c>.</summary>
    public string Namespace { get; init; } = MemoryFilter.DefaultNamespace;

    /// <summary>Only patterns of this type.</summary>
    public string? PatternType { get; init; }

    /// <summary>Only patterns of this project.</summary>
    public string? ProjectId { get; init; }

    /// <summary>Only patterns that have all of these tags.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>Only patterns with at least this score, 0 to 1. Default: 0.</summary>
    public double MinimumScore { get; init; }
}
