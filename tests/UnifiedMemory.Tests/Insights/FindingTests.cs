namespace UnifiedMemory.Tests.Insights;

/// <summary>What becomes of the insights in memories.</summary>
public sealed class FindingTests : StoreFixture
{
    [Test]
    public async Task An_insight_in_a_memory_is_a_memory_of_its_own_that_names_its_source()
    {
        var created = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
        var source = await Store.StoreAsync(new NewMemory(Texts.With(Texts.Good), MemoryType.Rag)
        {
            Namespace = "team",
            SessionId = "s",
            AgentId = "a",
            Tags = ["t"],
            SourceSystem = "chat",
            CreatedAt = created,
            Metadata = new() { ["project"] = "memory" },
        });

        var insight = (await InsightsAsync("team")).Single();

        Assert.Multiple(() =>
        {
            Assert.That(insight.Content, Is.EqualTo(Texts.Good));
            Assert.That(insight.CreatedAt, Is.EqualTo(created));
            Assert.That(insight.Tags, Is.EqualTo(new[] { "t" }));
            Assert.That(insight.SourceSystem, Is.EqualTo("chat"));
            Assert.That((insight.SessionId, insight.AgentId), Is.EqualTo(((string?)null, (string?)null)), "it belongs to the namespace");
            Assert.That(insight.Metadata["insight"]!.ToJsonString(), Is.EqualTo(
                $$"""{"type":"general","source":"{{source.Id}}","topics":["database"],"projects":["memory"],"confidence":0.7}"""));
        });
        var bySource = new MemoryFilter { Namespace = "team", Metadata = MetadataFilter.Field("insight", "source").EqualTo(source.Id.ToString()) };
        Assert.That((await ToListAsync(Store.ListAsync(bySource))).Single().Id, Is.EqualTo(insight.Id), "and the other way round");
        Assert.That((await Store.SearchAsync(new MemoryQuery("transactional outbox") { Namespace = "team", Types = [MemoryType.Insight] }))[0].Record.Id, Is.EqualTo(insight.Id));
    }

    [Test]
    public async Task The_same_insight_is_kept_once_however_often_it_comes_up()
    {
        var first = await Store.StoreAsync(new NewMemory(Texts.With(Texts.Good, Texts.Good), MemoryType.Rag) { SessionId = "1" });
        await Store.StoreAsync(new NewMemory("Another day. " + Texts.With(Texts.Good), MemoryType.Agent) { SessionId = "2" });
        await Store.StoreManyAsync(Enumerable.Range(0, 40).Select(i => new NewMemory($"{i} {Texts.With(Texts.Good)}", MemoryType.Rag)));

        var insight = (await InsightsAsync()).Single();
        Assert.That(insight.Metadata["insight"]!["source"]!.GetValue<string>(), Is.EqualTo(first.Id.ToString()));
    }

    [Test]
    public async Task An_insight_that_the_host_has_deleted_does_not_come_back_with_its_source()
    {
        var source = new NewMemory(Texts.With(Texts.Good), MemoryType.Rag);
        await Store.StoreAsync(source);
        await Store.DeleteManyAsync(new MemoryFilter { Types = [MemoryType.Insight] });

        await Store.StoreAsync(source);
        await Store.StoreManyAsync(Enumerable.Repeat(source, 30));

        Assert.That(await InsightsAsync(), Is.Empty);
    }

    [Test]
    public async Task A_marked_memory_is_an_insight_as_a_whole()
    {
        var text = "short, and with " + Texts.With(Texts.Good);
        var stored = await Store.StoreAsync(new NewMemory(text, MemoryType.Project) { Insight = new InsightDetails { Type = InsightType.Architecture } });

        var insight = (await InsightsAsync()).Single();

        Assert.That(insight.Content, Is.EqualTo(text));
        Assert.That(insight.Metadata["insight"]!["source"]!.GetValue<string>(), Is.EqualTo(stored.Id.ToString()));
        Assert.That(insight.Metadata["insight"]!["type"]!.GetValue<string>(), Is.EqualTo("architecture"));
        Assert.That(Embeddings.Embedded, Has.Count.EqualTo(1), "both have one vector");
        Assert.That((await Store.GetAsync(stored.Id))!.Metadata, Is.Empty, "it is stored as it was given");
    }

    [TestCase(1)]
    [TestCase(40)]
    public async Task A_memory_that_is_there_can_be_marked_later(int count)
    {
        var memories = Enumerable.Range(0, count).Select(i => new NewMemory($"plain {i}", MemoryType.Project)).ToList();
        var stored = await Store.StoreManyAsync(memories);

        var again = await Store.StoreManyAsync(memories.Select(memory => memory with { Insight = new InsightDetails() }));

        Assert.That(again.Select(one => one.Outcome), Is.All.EqualTo(StoreOutcome.AlreadyStored));
        Assert.That(
            (await InsightsAsync()).Select(insight => insight.Metadata["insight"]!["source"]!.GetValue<string>()), Is.EquivalentTo(stored.Select(one => one.Id.ToString())));
    }

    [Test]
    public async Task Equal_memories_in_one_batch_of_which_one_is_marked_leave_one_insight_that_is_linked()
    {
        var plain = new NewMemory("said twice", MemoryType.Project);
        var filler = Enumerable.Range(0, 30).Select(i => new NewMemory($"filler {i}", MemoryType.Rag));

        var stored = await Store.StoreManyAsync([plain, plain with { Insight = new InsightDetails() }, .. filler]);

        Assert.That(stored[1].Id, Is.EqualTo(stored[0].Id));
        Assert.That((await InsightsAsync()).Single().Metadata["insight"]!["source"]!.GetValue<string>(), Is.EqualTo(stored[0].Id.ToString()));
    }

    [Test]
    public async Task Only_those_of_enough_confidence_are_kept_and_no_more_than_the_limit()
    {
        const string unsure = "A text that says nothing at all, really not.";
        await using var store = NewStore(options => options.Insights.MaxPerMemory = 3);

        await store.StoreAsync(new NewMemory(Texts.With([unsure, .. Enumerable.Range(0, 9).Select(Texts.Numbered)]), MemoryType.Rag));

        Assert.That((await InsightsAsync()).Select(insight => insight.Content), Is.EqualTo(Enumerable.Range(0, 3).Select(Texts.Numbered)));
        await store.StoreAsync(new NewMemory(unsure, MemoryType.Insight));
        Assert.That(await InsightsAsync(), Has.Count.EqualTo(4), "what the host says is an insight is one");
    }

    [Test]
    public async Task Looking_can_be_turned_off()
    {
        await using var store = NewStore(options => options.Insights.MaxPerMemory = 0);
        await store.StoreAsync(new NewMemory(Texts.With(Texts.Good), MemoryType.Rag));

        Assert.That(await InsightsAsync(), Is.Empty);
    }

    [Test]
    public async Task A_memory_waits_for_the_embedding_of_its_insights()
    {
        Embeddings.OnEmbed = (texts, _) => texts.Contains(Texts.Good) ? throw new HttpRequestException("away") : Task.CompletedTask;
        var memories = Enumerable.Range(0, 30).Select(i => new NewMemory($"plain {i}", MemoryType.Rag)).Append(new NewMemory(Texts.With(Texts.Good), MemoryType.Rag)).ToList();

        Assert.That(async () => await Store.StoreManyAsync(memories), Throws.InstanceOf<UnifiedMemoryException>());
        Assert.That(async () => await Store.StoreAsync(memories[^1]), Throws.InstanceOf<UnifiedMemoryException>());
        Assert.That(await Store.CountAsync(new MemoryFilter { Types = [MemoryType.Insight] }), Is.Zero);
        Embeddings.OnEmbed = (_, _) => Task.CompletedTask;
        await Store.StoreManyAsync(memories);

        Assert.That(await InsightsAsync(), Has.Count.EqualTo(1), "or else it would never have been found");
    }

    [Test]
    public async Task A_detector_that_fails_costs_no_memory()
    {
        await using var store = UnifiedMemoryStore.Create(NewOptions(), Embeddings, insightDetector: new BrokenDetector());

        var found = await store.StoreAsync(new NewMemory("text", MemoryType.Rag));
        var given = await store.StoreAsync(new NewMemory("text", MemoryType.Insight) { Insight = new InsightDetails { Confidence = 1 } });

        Assert.That(new[] { found.Outcome, given.Outcome }, Is.All.EqualTo(StoreOutcome.Created));
        Assert.That((await InsightsAsync()).Single().Metadata["insight"]!["confidence"]!.GetValue<double>(), Is.EqualTo(1));
    }

    [Test]
    public async Task Details_that_are_not_valid_are_a_mistake_of_the_caller()
    {
        var memory = new NewMemory("text", MemoryType.Insight);
        NewMemory[] wrong =
        [
            memory with { Insight = new InsightDetails { Confidence = double.NaN } },
            memory with { Insight = new InsightDetails { Type = (InsightType)99 } },
            memory with { Insight = new InsightDetails { Topics = [""] } },
            memory with { Insight = new InsightDetails { Projects = [new string('x', 257)] } },
            memory with { Insight = new InsightDetails(), Metadata = new() { ["insight"] = "mine" } },
        ];

        foreach (var one in wrong)
            Assert.That(async () => await Store.StoreAsync(one), Throws.InstanceOf<ArgumentException>());
        Assert.That((await Store.StoreManyAsync(wrong)).Select(one => one.Outcome), Is.All.EqualTo(StoreOutcome.Rejected));
    }

    private Task<List<MemoryRecord>> InsightsAsync(string @namespace = "default") =>
        ToListAsync(Store.ListAsync(new MemoryFilter { Namespace = @namespace, Types = [MemoryType.Insight] }));

    [Test]
    public async Task One_that_cannot_be_stored_is_left_out_and_those_around_it_are_kept()
    {
        await using var store = UnifiedMemoryStore.Create(NewOptions(), Embeddings, insightDetector: new CarelessDetector());

        await store.StoreAsync(new NewMemory("a memory", MemoryType.Rag));

        Assert.That((await InsightsAsync()).Select(insight => insight.Content), Is.EquivalentTo(new[] { "first", "last" }));
    }

    private sealed class CarelessDetector : IInsightDetector
    {
        public IEnumerable<DetectedInsight> Find(NewMemory memory)
        {
            yield return new DetectedInsight("first", InsightType.General, 1);
            yield return new DetectedInsight("surer than sure", InsightType.General, 2);
            yield return new DetectedInsight("last", InsightType.General, 1);
            throw new InvalidOperationException("broken in the end");
        }

        public DetectedInsight Describe(NewMemory memory) => new(memory.Content, InsightType.General, 1);
    }

    private sealed class BrokenDetector : IInsightDetector
    {
        public IEnumerable<DetectedInsight> Find(NewMemory memory) => throw new InvalidOperationException("broken");

        public DetectedInsight Describe(NewMemory memory) => new(memory.Content, (InsightType)99, double.NaN);
    }
}
