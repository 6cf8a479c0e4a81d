using System.Text.Json;
using NpgsqlTypes;
using Pgvector;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Sides;

/// <summary>A memory as an entity.</summary>
internal sealed class EfMemory
{
    public Guid Id { get; set; }

    public required string Namespace { get; set; }

    public MemoryType Type { get; set; }

    public string? Kind { get; set; }

    public required string Content { get; set; }

    public required byte[] IdentityHash { get; set; }

    public required Vector Embedding { get; set; }

    public required JsonDocument Metadata { get; set; }

    public required string[] Tags { get; set; }

    public string? SourceSystem { get; set; }

    public string? AgentId { get; set; }

    public string? SessionId { get; set; }

    public string? WorkflowId { get; set; }

    public float Importance { get; set; }

    public DateTime CreatedAt { get; set; }

    public DateTime UpdatedAt { get; set; }

    public DateTime? ExpiresAt { get; set; }

    public NpgsqlTsVector? Words { get; set; }

    public static EfMemory From(MemoryToStore row) => new()
    {
        Id = row.Id,
        Namespace = row.Memory.Namespace,
        Type = row.Memory.Type,
        Kind = row.Memory.Kind,
        Content = row.Memory.Content,
        IdentityHash = row.IdentityHash,
        Embedding = new Vector(row.Vector),
        Metadata = JsonDocument.Parse(row.Metadata),
        Tags = row.Tags,
        SourceSystem = row.Memory.SourceSystem,
        AgentId = row.Memory.AgentId,
        SessionId = row.Memory.SessionId,
        WorkflowId = row.Memory.WorkflowId,
        Importance = (float)row.Memory.Importance,
        CreatedAt = row.CreatedAt,
        UpdatedAt = row.CreatedAt,
    };
}
