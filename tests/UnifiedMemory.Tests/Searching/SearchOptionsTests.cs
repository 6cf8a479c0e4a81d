namespace UnifiedMemory.Tests.Searching;

public sealed class SearchOptionsTests : StoreFixture
{
    private static readonly MemoryQuery Valid = new("angle 0");

    public static IEnumerable<TestCaseData> Mistakes()
    {
        (string Named, MemoryQuery Query)[] mistakes =
        [
            ("Limit", Valid with { Limit = 0 }),
            ("Limit", Valid with { Limit = -3 }),
            ("1001", Valid with { Limit = 1001 }),
            ("Mode", Valid with { Mode = (SearchMode)7 }),
            ("Fusion", Valid with { Fusion = (FusionMethod)7 }),
            ("MinimumSimilarity", Valid with { MinimumSimilarity = 1.25 }),
            ("NaN", Valid with { MinimumSimilarity = double.NaN }),
            ("MinimumSimilarity", Valid with { MinimumSimilarity = 0.5, Mode = SearchMode.Text }),
            ("TextWeight", Valid with { TextWeight = -0.125 }),
            ("1.125", Valid with { TextWeight = 1.125 }),
            ("NaN", Valid with { TextWeight = double.NaN }),
            ("Neighbours", Valid with { Neighbours = -1 }),
            ("11", Valid with { Neighbours = 11 }),
            ("NeighbourWeight", Valid with { NeighbourWeight = 2 }),
            ("TimeWeight", Valid with { TimeWeight = double.PositiveInfinity }),
            ("ImportanceWeight", Valid with { ImportanceWeight = -1 }),
            ("Diversity", Valid with { Diversity = 1.5 }),
            ("RecencyHalfLife", Valid with { RecencyHalfLife = TimeSpan.Zero }),
            ("-1.00:00:00", Valid with { RecencyHalfLife = TimeSpan.FromDays(-1) }),
        ];
        return mistakes.Select((one, i) => new TestCaseData(one.Named, one.Query).SetArgDisplayNames($"{i}", one.Named));
    }

    [TestCaseSource(nameof(Mistakes))]
    public void A_value_that_makes_no_sense_is_refused_by_name(string named, MemoryQuery query)
    {
        Assert.That(async () => await Store.SearchAsync(query), Throws.InstanceOf<ArgumentException>().With.Message.Contain(named));
        Assert.That(Embeddings.Embedded, Is.Empty, "and nothing was asked for it");
    }

    [Test]
    public async Task The_ends_of_every_range_are_accepted()
    {
        await Store.StoreAsync(new NewMemory("angle 0", MemoryType.Rag));
        MemoryQuery[] queries =
        [
            Valid with { Limit = 1, TextWeight = 0, NeighbourWeight = 0, TimeWeight = 0, ImportanceWeight = 0, Diversity = 0, Neighbours = 0 },
            Valid with { Limit = 1000, TextWeight = 1, NeighbourWeight = 1, TimeWeight = 1, ImportanceWeight = 1, Diversity = 1, Neighbours = 10 },
            Valid with { RecencyHalfLife = TimeSpan.MaxValue, MinimumSimilarity = -1 },
            Valid with { RecencyHalfLife = new TimeSpan(1), MinimumSimilarity = 1 - 1e-6 },
        ];
        foreach (var query in queries)
            Assert.That(await Store.SearchAsync(query), Has.Count.EqualTo(1), query.ToString());
    }

    [Test]
    public async Task A_search_of_any_mode_in_an_empty_store_finds_nothing([Values] SearchMode mode) =>
        Assert.That(
            await Store.SearchAsync(new MemoryQuery("anything") { Mode = mode, Limit = 1000, Neighbours = 3, IncludeNeighbours = true, Diversity = 0.5 }),
            Is.Empty);
}
