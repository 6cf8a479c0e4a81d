using System.Text.Json.Nodes;
using UnifiedMemory.Insights;

namespace UnifiedMemory;

/// <summary>
/// The default detector. Finds the form that coding assistants mark insights with: a line <c>★ Insight ─────</c>, the insight's lines,
/// and a line of twenty dashes or more, each between back-ticks or not. Where the closing line is missing, the insight ends at the next
/// opening one or with the text. Those shorter than 30 or longer than 10,000 characters are none, and nothing is logged: a text that goes on for
/// longer after an opening line without a closing one gives no insight there.
/// </summary>
/// <remarks>
/// Type, topics and confidence follow the rules of Session-Buddy 0.23 (https://github.com/lesleslie/session-buddy,
/// <c>session_buddy/insights/extractor.py</c>), so that both judge a text alike. Confidence: 0.3, and 0.1 a topic up to 0.3; 0.2 for one of
/// always, never, use, avoid, should, recommend; 0.1 for 50 to 500 characters; 0.1 for pattern, architecture or best practice; at most 1.
/// Projects are the metadata's <c>project</c> and <c>projects</c>, and the tags <c>project:NAME</c>.
/// </remarks>
public sealed class DelimitedInsightDetector : IInsightDetector
{
    private const int MaxProjects = 16;
    private const string ProjectTag = "project:";

    /// <inheritdoc/>
    public IEnumerable<DetectedInsight> Find(NewMemory memory)
    {
        ArgumentNullException.ThrowIfNull(memory);
        return DelimitedText.InsightsIn(memory.Content).Select(content => Describe(content, memory));
    }

    /// <inheritdoc/>
    public DetectedInsight Describe(NewMemory memory)
    {
        ArgumentNullException.ThrowIfNull(memory);
        return Describe(memory.Content, memory);
    }

    private static DetectedInsight Describe(string content, NewMemory memory)
    {
        var words = new InsightWords(content);
        return new DetectedInsight(content, words.Type, words.Confidence) { Topics = words.Topics, Projects = ProjectsOf(memory) };
    }

    private static List<string> ProjectsOf(NewMemory memory)
    {
        var tagged = memory.Tags.Where(tag => tag.StartsWith(ProjectTag, StringComparison.Ordinal)).Select(tag => tag[ProjectTag.Length..]);
        return [.. Texts(memory.Metadata?["project"]).Concat(Texts(memory.Metadata?["projects"])).Concat(tagged)
            .Where(name => !string.IsNullOrWhiteSpace(name) && name.Length <= 256)
            .Distinct(StringComparer.Ordinal).Take(MaxProjects)];

        static IEnumerable<string> Texts(JsonNode? node) => node switch
        {
            JsonArray array => array.SelectMany(Texts),
            JsonValue value when value.TryGetValue<string>(out var text) => [text],
            _ => [],
        };
    }
}
