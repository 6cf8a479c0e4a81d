namespace UnifiedMemory.Input;

/// <summary>What patterns, dependencies and their filters must fulfil.</summary>
internal static class ProjectRules
{
    private const int MaxDescriptionLength = 10_000;

    public static void RequirePattern(ProjectPattern pattern)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        TextRules.RequireNamespace(pattern.Namespace, nameof(pattern.Namespace));
        TextRules.Require(pattern.PatternType, nameof(pattern.PatternType), TextRules.MaxNameLength);
        TextRules.RequireIfGiven(pattern.ProjectId, nameof(pattern.ProjectId));
        RequireScore(pattern.OutcomeScore, nameof(pattern.OutcomeScore));
        if (pattern.Context is null || pattern.Solution is null)
            throw new ArgumentException("Context or Solution is null. Give an empty JSON object for none.", nameof(pattern));
        if (pattern.ApplicationCount < 0)
            throw new ArgumentOutOfRangeException(nameof(pattern), pattern.ApplicationCount, "ApplicationCount is 0 or more.");
    }

    public static void RequireFilter(PatternFilter filter)
    {
        ArgumentNullException.ThrowIfNull(filter);
        RequireNamespaceOrAll(filter.Namespace, nameof(filter.Namespace));
        TextRules.RequireIfGiven(filter.PatternType, nameof(filter.PatternType));
        TextRules.RequireIfGiven(filter.ProjectId, nameof(filter.ProjectId));
        TextRules.RequireTags(filter.Tags, nameof(filter.Tags));
        RequireScore(filter.MinimumScore, nameof(filter.MinimumScore));
    }

    public static void RequireDependency(ProjectDependency dependency)
    {
        ArgumentNullException.ThrowIfNull(dependency);
        TextRules.RequireNamespace(dependency.Namespace, nameof(dependency.Namespace));
        TextRules.Require(dependency.Source, nameof(dependency.Source), TextRules.MaxNameLength);
        TextRules.Require(dependency.Target, nameof(dependency.Target), TextRules.MaxNameLength);
        RequireType(dependency.Type, nameof(dependency.Type));
        if (dependency.Description is not null)
            TextRules.RequireStorable(dependency.Description, nameof(dependency.Description), MaxDescriptionLength);
    }

    public static void RequireFilter(DependencyFilter filter)
    {
        ArgumentNullException.ThrowIfNull(filter);
        RequireNamespaceOrAll(filter.Namespace, nameof(filter.Namespace));
        TextRules.RequireIfGiven(filter.Source, nameof(filter.Source));
        TextRules.RequireIfGiven(filter.Target, nameof(filter.Target));
        if (filter.Type is { } type)
            RequireType(type, nameof(filter.Type));
    }

    private static void RequireNamespaceOrAll(string value, string name)
    {
        if (value != MemoryFilter.AllNamespaces)
            TextRules.RequireNamespace(value, name);
    }

    private static void RequireScore(double score, string name)
    {
        if (!(score is >= 0 and <= 1))
            throw new ArgumentOutOfRangeException(name, score, $"{name} is a number from 0 to 1.");
    }

    private static void RequireType(ProjectDependencyType type, string name)
    {
        if (!Enum.IsDefined(type))
            throw new ArgumentOutOfRangeException(name, type, $"The type is none of {string.Join(", ", Enum.GetNames<ProjectDependencyType>())}.");
    }
}
