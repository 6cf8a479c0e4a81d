using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using UnifiedMemory.Input;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Exchange;

/// <summary>A line of an export: a memory, or the end with the numbers of what is before it.</summary>
internal sealed record ExportedMemory
{
    /// <summary>What else it is; <c>null</c> for a memory and for the end.</summary>
    public string? Record { get; init; }

    public Guid Id { get; init; }

    public string Namespace { get; init; } = "";

    public string? Type { get; init; }

    public string? Kind { get; init; }

    public string Content { get; init; } = "";

    public JsonObject? Metadata { get; init; }

    public IReadOnlyList<string> Tags { get; init; } = [];

    public string? SourceSystem { get; init; }

    public string? AgentId { get; init; }

    public string? SessionId { get; init; }

    public string? WorkflowId { get; init; }

    public float Importance { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset UpdatedAt { get; init; }

    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Numbers of four bytes, little-endian, in Base64.</summary>
    public byte[]? Vector { get; init; }

    /// <summary>The last line alone has it: a file that was cut off is told by its absence.</summary>
    public long? Count { get; init; }

    public long? Patterns { get; init; }

    public long? Dependencies { get; init; }

    public static ExportedMemory From(MemoryRecord memory, float[]? vector) => new()
    {
        Id = memory.Id,
        Namespace = memory.Namespace,
        Type = MemoryTypeNames.NameOf(memory.Type),
        Kind = memory.Kind,
        Content = memory.Content,
        Metadata = memory.Metadata.Count == 0 ? null : memory.Metadata,
        Tags = memory.Tags,
        SourceSystem = memory.SourceSystem,
        AgentId = memory.AgentId,
        SessionId = memory.SessionId,
        WorkflowId = memory.WorkflowId,
        Importance = (float)memory.Importance,
        CreatedAt = memory.CreatedAt,
        UpdatedAt = memory.UpdatedAt,
        ExpiresAt = memory.ExpiresAt,
        Vector = vector is null ? null : MemoryMarshal.AsBytes<float>(vector).ToArray(),
    };

    /// <exception cref="ArgumentException">A value is not allowed.</exception>
    public PreparedMemory Prepare(TimeProvider time, int maxContentBytes)
    {
        if (Type is null || !MemoryTypeNames.All.Contains(Type))
            throw new ArgumentException($"The type is '{Type}', which is none of {string.Join(", ", MemoryTypeNames.All)}.");
        var memory = new NewMemory(Content, MemoryTypeNames.Parse(Type))
        {
            Namespace = Namespace,
            Kind = Kind,
            Metadata = Metadata,
            Tags = Tags,
            SourceSystem = SourceSystem,
            AgentId = AgentId,
            SessionId = SessionId,
            WorkflowId = WorkflowId,
            Importance = Importance,
            CreatedAt = CreatedAt,
            ExpiresAt = ExpiresAt,
        };
        var received = ReceivedMemory.Receive(memory, time);
        return PreparedMemory.From(Id == Guid.Empty ? received : received with { Id = Id }, maxContentBytes);
    }

    public float[]? ToVector() => Vector is null ? null : MemoryMarshal.Cast<byte, float>(Vector).ToArray();
}
