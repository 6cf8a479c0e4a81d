namespace UnifiedMemory.Postgres;

/// <summary>A row of the outbox as Dapper reads it: <see cref="InsightOutbox"/> names the columns after these.</summary>
internal sealed record QueuedRow
{
    public string Namespace { get; init; } = "";

    public Guid Id { get; init; }

    public string Sink { get; init; } = "";

    public string Content { get; init; } = "";

    public string Type { get; init; } = "";

    public double Confidence { get; init; }

    public string[] Topics { get; init; } = [];

    public string[] Projects { get; init; } = [];

    public Guid? SourceId { get; init; }

    public DateTime CreatedAt { get; init; }

    public DateTime QueuedAt { get; init; }

    public DateTime DueAt { get; init; }

    public int Attempts { get; init; }

    public int Failures { get; init; }

    public DateTime? ParkedAt { get; init; }

    public string? LastError { get; init; }

    public Insight ToInsight() => new(Id, Namespace, Content, InsightTypeNames.Parse(Type), Confidence, CreatedAt)
    {
        Topics = Topics,
        Projects = Projects,
        SourceId = SourceId,
        Attempt = Attempts,
    };

    public QueuedInsight ToQueued() => new(
        ToInsight(), Sink, ParkedAt is null ? QueuedInsightState.Pending : QueuedInsightState.Parked, QueuedAt)
    {
        Failures = Failures,
        DueAt = DueAt,
        ParkedAt = ParkedAt is { } parked ? (DateTimeOffset)parked : null,
        LastError = LastError,
    };
}
