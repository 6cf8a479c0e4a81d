using System.Globalization;

namespace UnifiedMemory.SessionBuddy.Text;

/// <summary>The tags by which Session-Buddy's side tells insights from here, and one from another.</summary>
internal static class InsightTags
{
    public const string MemoryIdPrefix = "memory_id:";

    public static string MemoryId(Guid id) => $"{MemoryIdPrefix}{id:D}";

    /// <summary>The tag of one part among several, by which it alone is found.</summary>
    public static string Part(Guid id, int number, int count) =>
        string.Create(CultureInfo.InvariantCulture, $"memory_part:{id:D}:{number}/{count}");

    public static List<string> Of(Insight insight, string collectionTag)
    {
        var tags = new List<string> { collectionTag, "insight", $"type:{NameOf(insight.Type)}" };
        tags.AddRange(insight.Projects.Select(project => $"project:{project}"));
        tags.AddRange(insight.Topics.Select(topic => $"topic:{topic}"));
        tags.Add(string.Create(CultureInfo.InvariantCulture, $"confidence:{insight.Confidence:F2}"));
        tags.Add(MemoryId(insight.Id));
        return tags;
    }

    public static string NameOf(InsightType type) => type switch
    {
        InsightType.Pattern => "pattern",
        InsightType.Architecture => "architecture",
        InsightType.BestPractice => "best_practice",
        InsightType.Gotcha => "gotcha",
        _ => "general",
    };
}
