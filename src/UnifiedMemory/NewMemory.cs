using System.Text.Json.Nodes;

namespace UnifiedMemory;

/// <summary>
/// A memory to store. Two memories are the same when <see cref="Namespace"/>, <see cref="Type"/>, <see cref="Content"/>,
/// <see cref="AgentId"/>, <see cref="SessionId"/> and <see cref="WorkflowId"/> are equal: storing it again changes nothing
/// and returns the id of the first.
/// </summary>
/// <param name="Content">
/// The text: not blank, at most <see cref="UnifiedMemoryOptions.MaxContentBytes"/> bytes of UTF-8, without U+0000.
/// </param>
/// <param name="Type">What kind of memory it is.</param>
public sealed record NewMemory(string Content, MemoryType Type)
{
    /// <summary>
    /// The tenant, project or user it belongs to: 1 to 128 of <c>A-Z a-z 0-9 . _ : / @ + -</c>. Never changes.
    /// Default: <c>default</c>.
    /// </summary>
    public string Namespace { get; init; } = MemoryFilter.DefaultNamespace;

    /// <summary>A finer kind within the type, in the host's own words, for example <c>decision</c>. At most 256 characters.</summary>
    public string? Kind { get; init; }

    /// <summary>A JSON object of the host's, at most 64 KiB and 64 levels. Searchable with <see cref="MetadataFilter"/>.</summary>
    public JsonObject? Metadata { get; init; }

    /// <summary>Labels, at most 64 of 256 characters each. Duplicates are dropped. Default: none.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>The system that it comes from, for example <c>github</c>. At most 256 characters.</summary>
    public string? SourceSystem { get; init; }

    /// <summary>The agent whose memory it is. At most 256 characters.</summary>
    public string? AgentId { get; init; }

    /// <summary>The session or conversation that it was made in. At most 256 characters.</summary>
    public string? SessionId { get; init; }

    /// <summary>The workflow that it was made in. At most 256 characters.</summary>
    public string? WorkflowId { get; init; }

    /// <summary>How much it matters, 0 to 1. Default: 0.5.</summary>
    public double Importance { get; init; } = 0.5;

    /// <summary>When the remembered thing was made. Default: now.</summary>
    public DateTimeOffset? CreatedAt { get; init; }

    /// <summary>From when on nobody sees it any more; purged later. Default: never.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>
    /// Marks it as an insight, with what the host knows of it, if anything. Of a memory of another type than
    /// <see cref="MemoryType.Insight"/>, the whole text is stored a second time as one, linked to it. The details are kept as the member
    /// <c>insight</c> of the insight's metadata, which then must not have one. Default: none; a memory of type
    /// <see cref="MemoryType.Insight"/> is one anyway, and others are looked through for insights.
    /// </summary>
    public InsightDetails? Insight { get; init; }
}
