namespace UnifiedMemory.Postgres;

/// <summary>What <see cref="InsightType"/> is called in the database.</summary>
internal static class InsightTypeNames
{
    public static string NameOf(InsightType type) => type switch
    {
        InsightType.General => "general",
        InsightType.Pattern => "pattern",
        InsightType.Architecture => "architecture",
        InsightType.BestPractice => "best_practice",
        InsightType.Gotcha => "gotcha",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, null),
    };

    /// <summary>One that a newer library wrote is general here.</summary>
    public static InsightType Parse(string name) => name switch
    {
        "pattern" => InsightType.Pattern,
        "architecture" => InsightType.Architecture,
        "best_practice" => InsightType.BestPractice,
        "gotcha" => InsightType.Gotcha,
        _ => InsightType.General,
    };
}
