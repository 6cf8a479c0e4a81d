namespace UnifiedMemory.SessionBuddy.Text;

/// <summary>What Session-Buddy calls the types of dependencies.</summary>
internal static class DependencyNames
{
    public static string Of(ProjectDependencyType type) => type switch
    {
        ProjectDependencyType.Uses => "uses",
        ProjectDependencyType.Extends => "extends",
        ProjectDependencyType.References => "references",
        ProjectDependencyType.SharesCode => "shares_code",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, null),
    };

    /// <summary><c>null</c> for a type that is not known.</summary>
    public static ProjectDependencyType? Parse(string name) =>
        Enum.GetValues<ProjectDependencyType>().Cast<ProjectDependencyType?>().FirstOrDefault(type => Of(type!.Value) == name);
}
