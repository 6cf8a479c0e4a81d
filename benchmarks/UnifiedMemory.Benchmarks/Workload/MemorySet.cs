using System.Text;
using System.Text.Json.Nodes;

namespace UnifiedMemory.Benchmarks.Workload;

/// <summary>
/// Memories as an agent platform has them: 200 to 1,000 characters of the <see cref="Vocabulary"/>, metadata with four members, tags. 5 % are
/// insights, 1 % carry the tag <c>rare</c>, 1 % lie in the namespace <c>small</c>, and the number <c>score</c> in the metadata is
/// spread evenly over 0 to 1, so that a range takes as many as it is wide. None of it depends on the vector.
/// </summary>
internal static class MemorySet
{
    public const string SmallNamespace = "small";
    public const string SmallTag = "rare";
    public const MemoryType SmallType = MemoryType.Insight;
    public const double RangeFrom = 0.4;
    public const double RangeTo = 0.5;

    /// <summary>Its multiples, without their whole part, are spread evenly whatever the step: it is the golden ratio.</summary>
    private const double Golden = 0.6180339887498949;

    /// <summary>Texts differ for each label and index; the same label and index give the same memory.</summary>
    public static NewMemory Create(string label, int index)
    {
        var random = new Random(index);
        return new NewMemory(Text(label, index, random), TypeOf(index))
        {
            Namespace = index % 100 == 17 ? SmallNamespace : MemoryFilter.DefaultNamespace,
            Kind = "decision",
            Metadata = new JsonObject
            {
                ["project"] = $"project-{index % 40}",
                ["file"] = $"src/part{index % 700}/file{index % 90}.cs",
                ["line"] = index % 3000,
                ["score"] = Math.Round(index * Golden % 1, 4),
            },
            Tags = TagsOf(index),
            SourceSystem = "benchmark",
            AgentId = $"agent-{index % 25}",
            SessionId = $"session-{index % 1000}",
        };
    }

    public static IEnumerable<NewMemory> Create(string label, int first, int count) =>
        Enumerable.Range(first, count).Select(index => Create(label, index));

    private static MemoryType TypeOf(int index) => (index % 20) switch
    {
        0 => SmallType,
        < 4 => MemoryType.Workflow,
        < 8 => MemoryType.Agent,
        < 14 => MemoryType.Rag,
        _ => MemoryType.Project,
    };

    private static string[] TagsOf(int index)
    {
        var tags = new List<string> { $"area-{index % 12}", "reviewed" };
        if (index % 100 == 42)
            tags.Add(SmallTag);
        if (index % 10 is 1 or 4)
            tags.Add(index % 20 < 10 ? "weekly" : "monthly");
        return [.. tags];
    }

    private static string Text(string label, int index, Random random)
    {
        var text = new StringBuilder($"{label} {index}:");
        var length = random.Next(200, 1000);
        while (text.Length < length)
            text.Append(' ').Append(Vocabulary.Next(random));
        return text.ToString();
    }
}
