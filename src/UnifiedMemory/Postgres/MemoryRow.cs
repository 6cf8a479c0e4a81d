using UnifiedMemory.Input;

namespace UnifiedMemory.Postgres;

/// <summary>A row of the memories table as Dapper reads it: <see cref="MemoryTable"/> names the columns after these.</summary>
internal class MemoryRow
{
    public Guid Id { get; set; }

    public string Namespace { get; set; } = "";

    public string Type { get; set; } = "";

    public string? Kind { get; set; }

    public string Content { get; set; } = "";

    public string Metadata { get; set; } = "";

    public string[] Tags { get; set; } = [];

    public string? SourceSystem { get; set; }

    public string? AgentId { get; set; }

    public string? SessionId { get; set; }

    public string? WorkflowId { get; set; }

    public float Importance { get; set; }

    public DateTime CreatedAt { get; set; }

    public DateTime UpdatedAt { get; set; }

    public DateTime? ExpiresAt { get; set; }

    public MemoryRecord ToRecord() => new()
    {
        Id = Id,
        Namespace = Namespace,
        Type = MemoryTypeNames.Parse(Type),
        Kind = Kind,
        Content = Content,
        Metadata = MetadataJson.Parse(Metadata),
        Tags = Tags,
        SourceSystem = SourceSystem,
        AgentId = AgentId,
        SessionId = SessionId,
        WorkflowId = WorkflowId,
        Importance = Importance,
        CreatedAt = CreatedAt,
        UpdatedAt = UpdatedAt,
        ExpiresAt = ExpiresAt is { } time ? (DateTimeOffset)time : null,
    };
}
