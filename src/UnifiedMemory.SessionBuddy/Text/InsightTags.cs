using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace UnifiedMemory.SessionBuddy.Text;

/// <summary>The tags by which Session-Buddy's side tells insights from here, and one from another.</summary>
internal static class InsightTags
{
    public const string MemoryIdPrefix = "memory_id:";
    public const string PartPrefix = "memory_part:";

    public static string MemoryId(Guid id) => $"{MemoryIdPrefix}{id:D}";

    /// <summary>The tag of one part among several, by which it alone is found. A content that was changed has others.</summary>
    public static string Part(Insight insight, int number, int count) =>
        string.Create(CultureInfo.InvariantCulture, $"{PartPrefix}{insight.Id:D}:{HashOf(insight.Content)}:{number}/{count}");

    /// <summary>The tag of every part.</summary>
    public static string Parts(Guid id) => $"memory_parts:{id:D}";

    /// <summary>The tag of a text that is there beside parts of a former one.</summary>
    public static string Whole(Insight insight) => $"memory_whole:{insight.Id:D}:{HashOf(insight.Content)}";

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

    private static string HashOf(string content) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(content)))[..8];
}
