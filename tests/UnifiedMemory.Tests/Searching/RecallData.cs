using System.Text.Json.Nodes;
using CsCheck;

namespace UnifiedMemory.Tests.Searching;

/// <summary>
/// Memories whose types, tags and namespaces are anything but even, with a filter that is correlated with the query "probe" as
/// badly as can be, and the questions that are asked of them.
/// </summary>
internal sealed class RecallData
{
    public const int Count = 3000;
    private const string Probe = "probe";

    public RecallData(KnownVectors vectors)
    {
        Vectors = vectors;
        var random = new Random(20260301);
        var texts = Enumerable.Range(0, Count).Select(i => $"memory {i}").ToList();
        var farthest = texts.OrderBy(text => vectors.Cosine(Probe, text)).Take(Count / 20).ToHashSet();
        Memories =
        [
            .. texts.Select(text => new NewMemory(text, Of(random.Next(100), (60, MemoryType.Project), (85, MemoryType.Agent), (95, MemoryType.Rag), (99, MemoryType.Insight), (100, MemoryType.Workflow)))
            {
                Namespace = Of(random.Next(100), (70, "default"), (99, "second"), (100, "rare")),
                Tags = [.. new[] { (50, "half"), (10, "tenth"), (1, "hundredth") }.Where(tag => random.Next(100) < tag.Item1).Select(tag => tag.Item2), .. farthest.Contains(text) ? new[] { "far" } : []],
                SourceSystem = farthest.Contains(text) ? "far" : "git",
                Metadata = new JsonObject { ["n"] = random.Next(1000) },
                CreatedAt = DateTimeOffset.UtcNow.AddDays(-random.Next(1000)),
                ExpiresAt = random.Next(100) < 3 ? DateTimeOffset.UtcNow.AddHours(-1) : null,
            }),
        ];
    }

    public KnownVectors Vectors { get; }

    public IReadOnlyList<NewMemory> Memories { get; }

    /// <summary>A question, in values that can be printed.</summary>
    public sealed record Question(string Text, int Limit, string Namespace, MemoryType? Type, MemoryType? OrType, string? Tag, string? Source, int? Below, int? Days)
    {
        private IReadOnlyList<MemoryType> Types => [.. new[] { Type, OrType }.OfType<MemoryType>()];

        private DateTimeOffset? From => Days is { } days ? DateTimeOffset.UtcNow.Date.AddDays(-days) : null;

        public MemoryQuery ToQuery() => new(Text)
        {
            Limit = Limit,
            Mode = SearchMode.Vector,
            Namespace = Namespace,
            Types = Types,
            Tags = Tag is null ? [] : [Tag],
            SourceSystem = Source,
            Metadata = Below is { } below ? MetadataFilter.Field("n").LessThan(below) : null,
            CreatedFrom = From,
        };

        public bool Allows(NewMemory memory) =>
            memory.ExpiresAt is null
            && (Namespace == MemoryFilter.AllNamespaces || memory.Namespace == Namespace)
            && (Types.Count == 0 || Types.Contains(memory.Type))
            && (Tag is null || memory.Tags.Contains(Tag))
            && (Source is null || memory.SourceSystem == Source)
            && (Below is null || memory.Metadata!["n"]!.GetValue<int>() < Below)
            && (From is null || memory.CreatedAt >= From);
    }

    public static Gen<Question> Questions { get; } =
        from text in Gen.Int[0, 10_000].Select(i => i % 3 == 0 ? Probe : $"question {i}")
        from limit in Gen.Frequency((2, Gen.Int[1, 20]), (1, Gen.Int[21, 200]))
        from @namespace in Gen.OneOf(MemoryFilter.AllNamespaces, MemoryFilter.AllNamespaces, "default", "default", "second", "rare")
        from type in Sometimes(Gen.Enum<MemoryType>())
        from orType in Sometimes(Gen.Enum<MemoryType>())
        from tag in SometimesText("half", "tenth", "hundredth", "far", "nowhere")
        from source in SometimesText("git", "far")
        from below in Sometimes(Gen.OneOf(0, 5, 100, 500, 990))
        from days in Sometimes(Gen.OneOf(1, 30, 300, 900))
        select new Question(text, limit, @namespace, type, type is null ? null : orType, tag, source, below, days);

    private static Gen<T?> Sometimes<T>(Gen<T> gen)
        where T : struct =>
        from roll in Gen.Int[0, 3]
        from value in gen
        select roll == 0 ? value : (T?)null;

    private static Gen<string?> SometimesText(params string[] texts) =>
        from roll in Gen.Int[0, 3]
        from text in Gen.OneOf(texts)
        select roll == 0 ? text : null;

    /// <summary>The first whose bound is above the roll.</summary>
    private static T Of<T>(int roll, params (int Below, T Value)[] shares) => shares.First(share => roll < share.Below).Value;
}
