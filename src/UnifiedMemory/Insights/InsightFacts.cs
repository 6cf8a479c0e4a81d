using System.Text.Json.Nodes;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Insights;

/// <summary>What goes to the sinks with the text of an insight.</summary>
/// <param name="Type">What it is about.</param>
/// <param name="Confidence">How sure one is of it, 0 to 1.</param>
/// <param name="Topics">What it speaks of.</param>
/// <param name="Projects">The projects that it concerns.</param>
/// <param name="SourceId">The memory that it was found in; it is written only if that one is there.</param>
internal sealed record InsightFacts(
    InsightType Type, double Confidence, string[] Topics, string[] Projects, Guid? SourceId)
{
    /// <summary>As the metadata of the insight holds them, and its row in the queue.</summary>
    public JsonObject ToJson()
    {
        var facts = new JsonObject
        {
            ["type"] = InsightTypeNames.NameOf(Type),
            ["confidence"] = Confidence,
            ["topics"] = ArrayOf(Topics),
            ["projects"] = ArrayOf(Projects),
        };
        if (SourceId is { } source)
            facts["source"] = source.ToString();
        return facts;

        static JsonArray ArrayOf(string[] texts) => [.. texts.Select(text => (JsonNode)text)];
    }

    /// <summary>What <see cref="ToJson"/> has written.</summary>
    public static InsightFacts Parse(string json)
    {
        var facts = JsonNode.Parse(json)!;
        return new InsightFacts(
            InsightTypeNames.Parse((string)facts["type"]!),
            (double)facts["confidence"]!,
            TextsOf("topics"),
            TextsOf("projects"),
            facts["source"] is { } source ? Guid.Parse((string)source!) : null);

        string[] TextsOf(string name) => [.. facts[name]!.AsArray().Select(text => (string)text!)];
    }
}
