using System.Text.Json.Nodes;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Exchange;

/// <summary>A line of an export with a dependency between projects.</summary>
internal sealed record ExportedDependency
{
    public const string RecordName = "dependency";

    public string Record { get; init; } = RecordName;

    public Guid Id { get; init; }

    public string Namespace { get; init; } = "";

    public string Source { get; init; } = "";

    public string Target { get; init; } = "";

    public string Type { get; init; } = "";

    public string? Description { get; init; }

    public JsonObject? Metadata { get; init; }

    public DateTimeOffset? CreatedAt { get; init; }

    public static ExportedDependency From(ProjectDependency dependency) => new()
    {
        Id = dependency.Id,
        Namespace = dependency.Namespace,
        Source = dependency.Source,
        Target = dependency.Target,
        Type = DependencyTypeNames.NameOf(dependency.Type),
        Description = dependency.Description,
        Metadata = dependency.Metadata is { Count: > 0 } ? dependency.Metadata : null,
        CreatedAt = dependency.CreatedAt,
    };

    /// <exception cref="ArgumentException">The type is unknown.</exception>
    public ProjectDependency ToDependency() => DependencyTypeNames.All.Contains(Type)
        ? new(Source, Target, DependencyTypeNames.Parse(Type))
        {
            Id = Id,
            Namespace = Namespace,
            Description = Description,
            Metadata = Metadata,
            CreatedAt = CreatedAt,
        }
        : throw new ArgumentException($"The type is '{Type}', which is none of {string.Join(", ", DependencyTypeNames.All)}.");
}
