using UnifiedMemory.Postgres;

namespace UnifiedMemory.Insights;

internal sealed partial class InsightFinder
{
    /// <summary>What a sink is told: the memory as it is now, and of it what was said when it was stored, or else what its text says.</summary>
    public Insight ToInsight(QueuedRow row, MemoryRecord memory)
    {
        var facts = row.Details is { } details ? InsightFacts.Parse(details) : FactsOf(Describe(AsStored(memory), memory.Id), sourceId: null);
        return new Insight(memory.Id, memory.Namespace, memory.Content, facts.Type, facts.Confidence, memory.CreatedAt)
        {
            Topics = facts.Topics,
            Projects = facts.Projects,
            SourceId = facts.SourceId,
            Attempt = row.Attempts,
        };
    }

    public QueuedInsight ToQueued(QueuedRow row, MemoryRecord memory) => new(
        ToInsight(row, memory), row.Sink, row.ParkedAt is null ? QueuedInsightState.Pending : QueuedInsightState.Parked, row.QueuedAt)
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
}
