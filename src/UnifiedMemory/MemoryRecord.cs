using System.Text.Json.Nodes;
using UnifiedMemory.Input;

namespace UnifiedMemory;

/// <summary>A stored memory.</summary>
public sealed record MemoryRecord
{
    private readonly LazyJson _metadata = new("{}");

    /// <summary>The id: a UUID of version 7, made by the client that stored it.</summary>
    public required Guid Id { get; init; }

    /// <summary>The tenant, project or user it belongs to.</summary>
    public required string Namespace { get; init; }

    /// <summary>What kind of memory it is.</summary>
    public required MemoryType Type { get; init; }

    /// <summary>A finer kind within the type, in the host's own words.</summary>
    public string? Kind { get; init; }

    /// <summary>The text.</summary>
    public required string Content { get; init; }

    /// <summary>The host's JSON object; empty when none was given. Of a memory that was read, it is parsed when it is first asked for.</summary>
    /// <exception cref="System.Text.Json.JsonException">Another program stored JSON that is deeper than 64 levels.</exception>
    public JsonObject Metadata
    {
        get => _metadata.Value;
        init => _metadata = new LazyJson(value);
    }

    /// <summary>The JSON of <see cref="Metadata"/>.</summary>
    internal string MetadataText
    {
        init => _metadata = new LazyJson(value);
    }

    /// <summary>Labels, without duplicates.</summary>
    public required IReadOnlyList<string> Tags { get; init; }

    /// <summary>The system that it comes from.</summary>
    public string? SourceSystem { get; init; }

    /// <summary>The agent whose memory it is.</summary>
    public string? AgentId { get; init; }

    /// <summary>The session or conversation that it was made in.</summary>
    public string? SessionId { get; init; }

    /// <summary>The workflow that it was made in.</summary>
    public string? WorkflowId { get; init; }

    /// <summary>How much it matters, 0 to 1.</summary>
    public required double Importance { get; init; }

    /// <summary>When the remembered thing was made, in UTC.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it was last stored or updated, in UTC, by the server's clock.</summary>
    public required DateTimeOffset UpdatedAt { get; init; }

    /// <summary>From when on nobody sees it any more, in UTC; <c>null</c> for never.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }
}
