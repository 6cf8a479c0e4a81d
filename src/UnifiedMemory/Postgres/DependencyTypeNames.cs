namespace UnifiedMemory.Postgres;

/// <summary>What <see cref="ProjectDependencyType"/> is called in the database.</summary>
internal static class DependencyTypeNames
{
    public static IReadOnlyList<string> All { get; } = [.. Enum.GetValues<ProjectDependencyType>().Select(NameOf)];

    public static string NameOf(ProjectDependencyType type) => type switch
    {
        ProjectDependencyType.Uses => "uses",
        ProjectDependencyType.Extends => "extends",
        ProjectDependencyType.References => "references",
        ProjectDependencyType.SharesCode => "shares_code",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, null),
    };

    public static ProjectDependencyType Parse(string name) => name switch
    {
        "uses" => ProjectDependencyType.Uses,
        "extends" => ProjectDependencyType.Extends,
        "references" => ProjectDependencyType.References,
        "shares_code" => ProjectDependencyType.SharesCode,
        _ => throw new InvalidDataException($"The database holds a dependency of type '{name}', which this library does not know."),
    };
}
