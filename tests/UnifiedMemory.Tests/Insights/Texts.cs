namespace UnifiedMemory.Tests.Insights;

/// <summary>Texts with insights in them, as coding assistants write them.</summary>
internal static class Texts
{
    public const string Good = "Always use a transactional outbox: the row and the message commit together in the database.";

    public static string Opening { get; } = $"`★ Insight {new string('─', 37)}`";

    public static string Closing { get; } = $"`{new string('─', 49)}`";

    public static string Delimited(string insight) => $"{Opening}\n{insight}\n{Closing}";

    public static string With(params string[] insights) =>
        "Some words before.\n" + string.Join("\nSome words between.\n", insights.Select(Delimited)) + "\nSome words after.";

    /// <summary>An insight that is found, with a number in it.</summary>
    public static string Numbered(int number) => $"Insight number {number}: always use a transaction for each query of the database.";
}
