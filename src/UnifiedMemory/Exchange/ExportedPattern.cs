using System.Text.Json.Nodes;

namespace UnifiedMemory.Exchange;

/// <summary>A line of an export with a pattern.</summary>
internal sealed record ExportedPattern
{
    public const string RecordName = "pattern";

    public string Record { get; init; } = RecordName;

    public Guid Id { get; init; }

    public string Namespace { get; init; } = "";

    public string PatternType { get; init; } = "";

    public string? ProjectId { get; init; }

    public JsonObject? Context { get; init; }

    public JsonObject? Solution { get; init; }

    public double OutcomeScore { get; init; }

    public IReadOnlyList<string> Tags { get; init; } = [];

    public int ApplicationCount { get; init; }

    public DateTimeOffset? LastApplied { get; init; }

    public DateTimeOffset? CreatedAt { get; init; }

    public static ExportedPattern From(ProjectPattern pattern) => new()
    {
        Id = pattern.Id,
        Namespace = pattern.Namespace,
        PatternType = pattern.PatternType,
        ProjectId = pattern.ProjectId,
        Context = pattern.Context,
        Solution = pattern.Solution,
        OutcomeScore = pattern.OutcomeScore,
        Tags = pattern.Tags,
        ApplicationCount = pattern.ApplicationCount,
        LastApplied = pattern.LastApplied,
        CreatedAt = pattern.CreatedAt,
    };

    public ProjectPattern ToPattern() => new(PatternType, ProjectId, Context!, Solution!, OutcomeScore)
    {
        Id = Id,
        Namespace = Namespace,
        Tags = Tags,
        ApplicationCount = ApplicationCount,
        LastApplied = LastApplied,
        CreatedAt = CreatedAt,
    };
}
