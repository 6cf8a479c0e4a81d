using System.Text.Json.Nodes;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Insights;

internal sealed partial class InsightFinder
{
    /// <summary>What a sink is told of a stored insight: what was said of it when it was stored, or else what its text says.</summary>
    public Insight ToInsight(MemoryRecord memory, int attempt)
    {
        var facts = DetailsIn(memory.Metadata) ?? FactsOf(Describe(AsStored(memory), memory.Id), sourceId: null);
        return new Insight(memory.Id, memory.Namespace, memory.Content, facts.Type, facts.Confidence, memory.CreatedAt)
        {
            Topics = facts.Topics,
            Projects = facts.Projects,
            SourceId = facts.SourceId,
            Attempt = attempt,
        };
    }

    /// <summary>What a queue holds.</summary>
    public QueuedInsight ToQueued(QueuedRow row) => new(
        ToInsight(row.Memory!, row.Attempts), row.Sink, row.ParkedAt is null ? QueuedInsightState.Pending : QueuedInsightState.Parked, row.QueuedAt)
    {
        Failures = row.Failures,
        DueAt = row.DueAt,
        ParkedAt = row.ParkedAt,
        LastError = row.LastError,
    };

    private static NewMemory AsStored(MemoryRecord memory) => new(memory.Content, memory.Type)
    {
        Namespace = memory.Namespace,
        Kind = memory.Kind,
        Metadata = memory.Metadata,
        Tags = memory.Tags,
        SourceSystem = memory.SourceSystem,
        AgentId = memory.AgentId,
        SessionId = memory.SessionId,
        WorkflowId = memory.WorkflowId,
        Importance = memory.Importance,
        CreatedAt = memory.CreatedAt,
        ExpiresAt = memory.ExpiresAt,
    };

    /// <summary>What <see cref="WithDetails"/> has written. Anything else under that name is the host's own.</summary>
    private static InsightFacts? DetailsIn(JsonObject metadata)
    {
        if (metadata[MetadataMember] is not JsonObject details
            || Text(details["type"]) is not { } type
            || details["confidence"] is not JsonValue number || !number.TryGetValue<double>(out var confidence)
            || details["topics"] is not JsonArray topics || details["projects"] is not JsonArray projects)
            return null;
        try
        {
            return FactsOf(
                new DetectedInsight("", InsightTypeNames.Parse(type), confidence)
                {
                    Topics = [.. topics.Select(topic => Text(topic)!)],
                    Projects = [.. projects.Select(project => Text(project)!)],
                },
                Guid.TryParse(Text(details["source"]), out var source) ? source : null);
        }
        catch (ArgumentException)
        {
            return null;
        }

        static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
    }
}
