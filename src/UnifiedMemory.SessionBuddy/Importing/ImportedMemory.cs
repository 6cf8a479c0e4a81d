using System.Text.Json.Nodes;
using UnifiedMemory.SessionBuddy.Text;

namespace UnifiedMemory.SessionBuddy.Importing;

/// <summary>
/// What a row of Session-Buddy is as a memory. What the store has no place for is in the metadata under <c>session_buddy</c>,
/// under the names of the columns.
/// </summary>
internal static class ImportedMemory
{
    private const int MaxTags = 64;
    private const int MaxTagLength = 256;

    private static readonly HashSet<string> OwnPlace = new(StringComparer.OrdinalIgnoreCase)
    {
        "content", "tags", "created_at", "timestamp", "session_id", "insight_type",
    };

    /// <exception cref="ArgumentException">The row has no content.</exception>
    public static NewMemory From(FileRow row, string table, string @namespace, bool isConversation)
    {
        var insightType = isConversation ? null : row.Text("insight_type");
        var tags = TagsOf(row, out var allFit);
        var text = row.Text("content") ?? throw new ArgumentException("The row has no content.");
        var details = row.Rest(OwnPlace);
        details["table"] = table;
        if (!allFit)
            details["tags"] = new JsonArray([.. row.List("tags").Select(tag => (JsonNode)tag)]);
        return new NewMemory(
            IsOfAStore(row) ? InjectionPhrases.Restore(text) : text,
            insightType is null ? MemoryType.Agent : MemoryType.Insight)
        {
            Namespace = @namespace,
            Kind = insightType ?? (isConversation ? "conversation" : "reflection"),
            Tags = tags,
            SourceSystem = SessionBuddySink.SinkName,
            SessionId = row.Text("session_id") is { Length: > 0 } session ? session : null,
            Insight = insightType is null ? null : new InsightDetails
            {
                Type = Enum.TryParse<InsightType>(insightType.Replace("_", "", StringComparison.Ordinal), ignoreCase: true, out var type) ? type : null,
                Confidence = row.Number("confidence_score") is >= 0 and <= 1 and var confidence ? confidence : null,
            },
            Importance = Math.Clamp(row.Number("importance_score") ?? row.Number("confidence_score") ?? 0.5, 0, 1),
            CreatedAt = row.Time("created_at") ?? row.Time("timestamp"),
            Metadata = new JsonObject { ["session_buddy"] = details },
        };
    }

    /// <summary>A group of projects, as a text that can be found.</summary>
    public static NewMemory FromGroup(FileRow row, string table, string @namespace)
    {
        var projects = row.List("projects");
        return new NewMemory(
            $"Project group {row.Text("name")}: {string.Join(", ", projects)}. {row.Text("description")}".TrimEnd(), MemoryType.Project)
        {
            Namespace = @namespace,
            Kind = "project_group",
            Tags = [.. projects.Select(project => $"project:{project}").Where(IsTag).Take(MaxTags)],
            SourceSystem = SessionBuddySink.SinkName,
            CreatedAt = row.Time("created_at"),
            Metadata = new JsonObject { ["session_buddy"] = With(row.Rest(new HashSet<string>()), table) },
        };
    }

    /// <summary>Whether a store's sink delivered it. In what others wrote, word joiners are their own.</summary>
    private static bool IsOfAStore(FileRow row) => row.List("tags").Exists(tag => tag.StartsWith(InsightTags.MemoryIdPrefix, StringComparison.Ordinal));

    private static JsonObject With(JsonObject details, string table)
    {
        details["table"] = table;
        return details;
    }

    private static List<string> TagsOf(FileRow row, out bool allFit)
    {
        var tags = row.List("tags").Distinct(StringComparer.Ordinal).ToList();
        if (row.Text("project") is { Length: > 0 } project && !tags.Contains($"project:{project}"))
            tags.Add($"project:{project}");
        var fitting = tags.Where(IsTag).Take(MaxTags).ToList();
        allFit = fitting.Count == tags.Count;
        return fitting;
    }

    private static bool IsTag(string tag) => !string.IsNullOrWhiteSpace(tag) && tag.Length <= MaxTagLength && !tag.Contains('\0', StringComparison.Ordinal);
}
