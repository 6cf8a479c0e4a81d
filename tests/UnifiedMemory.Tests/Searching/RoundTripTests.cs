namespace UnifiedMemory.Tests.Searching;

/// <summary>How often a search asks the server once its filter is known.</summary>
public sealed class RoundTripTests : StoreFixture
{
    private readonly KnownVectors _vectors = new(8);

    protected override IEmbeddingProvider Provider => _vectors;

    [Test]
    public async Task A_search_of_any_mode_is_one_round_trip()
    {
        await Store.StoreManyAsync(Many(60));
        await using var store = NewStore(options => options.ApplicationName = Prefix);
        foreach (var mode in Enum.GetValues<SearchMode>())
            await store.SearchAsync(new MemoryQuery("garden on 8 May 2023") { Mode = mode });
        using var sent = new SentStatements(Prefix);
        foreach (var mode in Enum.GetValues<SearchMode>())
        {
            await store.SearchAsync(new MemoryQuery("garden on 8 May 2023") { Mode = mode });
            Assert.That(sent.Take(), Has.Count.EqualTo(1), mode.ToString());
            await store.SearchAsync(new MemoryQuery("garden on 8 May 2023")
            {
                Mode = mode,
                Neighbours = 2,
                IncludeNeighbours = true,
                TimeWeight = 0.5,
                RecencyHalfLife = TimeSpan.FromDays(9),
                ImportanceWeight = 0.5,
                Diversity = 0.5,
            });
            Assert.That(sent.Take(), Has.Count.EqualTo(1), $"{mode} with everything on");
        }
    }

    [Test]
    public async Task A_minimum_that_nothing_reaches_does_not_make_the_store_compare_everything([Values(SearchMode.Vector, SearchMode.Hybrid)] SearchMode mode)
    {
        await Store.StoreManyAsync(Many(3000));
        await VectorIndexes.CreateHnswAsync(Prefix);
        await using var store = NewStore(options => options.ApplicationName = Prefix);
        var query = new MemoryQuery("garden") { Mode = mode, MinimumSimilarity = 1 };
        await store.SearchAsync(query);
        using var sent = new SentStatements(Prefix);

        Assert.That(await store.SearchAsync(query), Is.Empty);
        Assert.That(sent.Take(), Has.Count.EqualTo(1));
    }

    private static IEnumerable<NewMemory> Many(int count) => Enumerable.Range(0, count).Select(i => new NewMemory($"garden {i}", MemoryType.Rag)
    {
        SessionId = $"session {i / 10}",
    });
}
