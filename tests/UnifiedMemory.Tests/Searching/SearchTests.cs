namespace UnifiedMemory.Tests.Searching;

public sealed class SearchTests : StoreFixture
{
    [Test]
    public async Task The_most_similar_come_first_with_their_cosine()
    {
        await StoreAnglesAsync(0, 30, 60, 90, 180);

        var matches = await Store.SearchAsync(new MemoryQuery("angle 10") { Limit = 4, Mode = SearchMode.Vector });

        Assert.That(Contents(matches), Is.EqualTo(new[] { "angle 0", "angle 30", "angle 60", "angle 90" }));
        Assert.Multiple(() =>
        {
            Assert.That(matches[0].Similarity, Is.EqualTo(Math.Cos(10 * Math.PI / 180)).Within(1e-5));
            Assert.That(matches[3].Similarity, Is.EqualTo(Math.Cos(80 * Math.PI / 180)).Within(1e-5));
            Assert.That(matches.Select(match => match.Score), Is.EqualTo(matches.Select(match => match.Similarity)));
        });
    }

    [Test]
    public async Task A_minimum_similarity_cuts_off_the_tail()
    {
        await StoreAnglesAsync(0, 30, 60, 90, 180);

        Assert.That(
            Contents(await Store.SearchAsync(new MemoryQuery("angle 0") { MinimumSimilarity = 0.5 - 1e-6 })),
            Is.EqualTo(new[] { "angle 0", "angle 30", "angle 60" }));
        Assert.That(await Store.SearchAsync(new MemoryQuery("angle 270") { MinimumSimilarity = 0.5 }), Is.Empty);
    }

    [Test]
    public async Task Each_restriction_restricts()
    {
        var memory = new NewMemory("angle 0", MemoryType.Project)
        {
            Namespace = "n",
            Kind = "k",
            AgentId = "a",
            SessionId = "s",
            WorkflowId = "w",
            SourceSystem = "x",
            Tags = ["t", "u"],
            Metadata = new() { ["m"] = 1 },
            CreatedAt = new DateTimeOffset(2026, 1, 15, 0, 0, 0, TimeSpan.Zero),
        };
        await Store.StoreAsync(memory);
        var all = new MemoryQuery("angle 0")
        {
            Namespace = "n",
            Types = [MemoryType.Project, MemoryType.Rag],
            Kind = "k",
            AgentId = "a",
            SessionId = "s",
            WorkflowId = "w",
            SourceSystem = "x",
            Tags = ["u", "t"],
            Metadata = MetadataFilter.Field("m").EqualTo(1),
            CreatedFrom = memory.CreatedAt,
            CreatedBefore = memory.CreatedAt!.Value.AddTicks(10),
        };
        MemoryQuery[] others =
        [
            all with { Namespace = "other" },
            all with { Types = [MemoryType.Agent] },
            all with { Kind = "other" },
            all with { AgentId = "other" },
            all with { SessionId = "other" },
            all with { WorkflowId = "other" },
            all with { SourceSystem = "other" },
            all with { Tags = ["t", "other"] },
            all with { Metadata = MetadataFilter.Field("m").EqualTo(2) },
            all with { CreatedFrom = memory.CreatedAt.Value.AddTicks(10), CreatedBefore = null },
            all with { CreatedBefore = memory.CreatedAt, CreatedFrom = null },
        ];

        Assert.That(await Store.SearchAsync(all), Has.Count.EqualTo(1));
        foreach (var other in others)
            Assert.That(await Store.SearchAsync(other), Is.Empty, other.ToString());
        Assert.That(await Store.CountAsync(all), Is.EqualTo(1), "a query is a filter too");
    }

    [Test]
    public async Task A_forgotten_namespace_shows_nothing_of_the_others()
    {
        await Store.StoreAsync(new NewMemory("angle 0", MemoryType.Rag) { Namespace = "tenant-1" });

        Assert.That(await Store.SearchAsync(new MemoryQuery("angle 0")), Is.Empty);
        Assert.That(await Store.SearchAsync(new MemoryQuery("angle 0") { Namespace = MemoryFilter.AllNamespaces }), Has.Count.EqualTo(1));
        Assert.That(
            async () => await Store.SearchAsync(new MemoryQuery("angle 0") { Namespace = null! }),
            Throws.ArgumentException.With.Message.Contain("namespace"));
    }

    [Test]
    public async Task A_selective_filter_never_starves_the_result()
    {
        // 30 of 3,000, and the farthest from the query of all, so that an index scan meets them last.
        await Store.StoreManyAsync(Enumerable.Range(0, 3000).Select(i => new NewMemory($"angle {(i < 30 ? 150 + i : i % 90)} {i}", MemoryType.Rag)
        {
            Tags = i < 30 ? ["rare"] : ["common"],
            Metadata = new() { ["n"] = i },
        }));
        await TestServer.ExecuteAsync($"ANALYZE {Table}");

        foreach (var limit in new[] { 1, 10, 30, 1000 })
        {
            var matches = await Store.SearchAsync(new MemoryQuery("angle 0") { Limit = limit, Tags = ["rare"] });
            Assert.That(matches, Has.Count.EqualTo(Math.Min(limit, 30)), $"limit {limit}");
            Assert.That(matches[0].Record.Content, Is.EqualTo("angle 150 0"));
            Assert.That(matches.Select(match => match.Similarity), Is.Ordered.Descending);
        }

        Assert.That(
            await Store.SearchAsync(new MemoryQuery("angle 0") { Limit = 20, Metadata = MetadataFilter.Field("n").LessThan(25) }),
            Has.Count.EqualTo(20));
        Assert.That(await Store.SearchAsync(new MemoryQuery("angle 0") { Limit = 1000 }), Has.Count.EqualTo(1000));
    }

    [Test]
    public async Task What_the_index_looks_at_in_vain_is_completed_exactly()
    {
        // Half of all fulfil the filter, and all of those are farther away than the others.
        await Store.StoreManyAsync(Enumerable.Range(0, 3000).Select(i => new NewMemory($"angle {(i % 2 == 0 ? i % 40 : 140 + (i % 40))} {i}", MemoryType.Rag)
        {
            SourceSystem = i % 2 == 0 ? "near" : "far",
        }));
        await VectorIndexes.CreateHnswAsync(Prefix);
        await using var store = NewStore(options => options.ApplicationName = Prefix);
        var query = new MemoryQuery("angle 0") { Mode = SearchMode.Vector, SourceSystem = "far", Limit = 20 };
        await store.SearchAsync(query with { Exact = true });
        using var sent = new SentStatements(Prefix);

        var matches = await store.SearchAsync(query);

        Assert.That(sent.Take().Count(statement => statement.Text.Contains("distance", StringComparison.Ordinal)), Is.EqualTo(2), "through the index, and then without it");
        Assert.That(matches, Has.Count.EqualTo(20));
        Assert.That(
            matches.Select(match => match.Similarity),
            Is.EqualTo((await store.SearchAsync(query with { Exact = true })).Select(match => match.Similarity)).Within(1e-9));
        Assert.That(Contents(await store.SearchAsync(query with { Mode = SearchMode.Hybrid })), Has.Exactly(20).Items);
    }

    [Test]
    public async Task An_unfiltered_search_uses_the_vector_index()
    {
        await Store.StoreManyAsync(Enumerable.Range(0, 3000).Select(i => new NewMemory($"memory {i}", MemoryType.Rag)));
        await using var store = NewStore(options => options.Indexes.Threshold = 3000);
        await store.MaintainIndexesAsync();
        var before = await IndexScansAsync();

        for (var i = 0; i < 20; i++)
            await store.SearchAsync(new MemoryQuery($"question {i}"));

        await store.DisposeAsync(); // server processes tell their counts at once when they end
        await Eventually.TrueAsync(async () => await IndexScansAsync() >= before + 20, "20 scans of the vector index are counted");

        Task<long> IndexScansAsync() => TestServer.ScalarAsync<long>(
            $"SELECT idx_scan FROM pg_stat_all_indexes WHERE schemaname = '{Prefix}memories' AND indexrelname = 'memories_embedding'");
    }

    [Test]
    public async Task A_search_in_an_empty_store_finds_nothing() =>
        Assert.That(await Store.SearchAsync(new MemoryQuery("anything") { Limit = 1000 }), Is.Empty);

    private async Task StoreAnglesAsync(params int[] angles) =>
        await Store.StoreManyAsync(angles.Select(angle => new NewMemory($"angle {angle}", MemoryType.Rag)));

    private static IEnumerable<string> Contents(IEnumerable<MemoryMatch> matches) => matches.Select(match => match.Record.Content);
}
