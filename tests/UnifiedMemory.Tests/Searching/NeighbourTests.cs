namespace UnifiedMemory.Tests.Searching;

/// <summary>The memories before and after a hit, in its session.</summary>
public sealed class NeighbourTests : StoreFixture
{
    private static readonly DateTimeOffset Start = new(2024, 3, 1, 9, 0, 0, TimeSpan.Zero);

    private readonly KnownVectors _vectors = new(8);

    protected override IEmbeddingProvider Provider => _vectors;

    [Test]
    public async Task The_answer_beside_the_words_of_the_question_is_raised()
    {
        for (var i = 0; i < 9; i++)
            await StoreAsync(80, $"turn {i}", i);
        await StoreAsync(0, "where is the quagga", 4.5);

        var plain = await SearchAsync(query => query with { Mode = SearchMode.Text });
        var near = await SearchAsync(query => query with { Mode = SearchMode.Text, Neighbours = 2, NeighbourWeight = 0.5 });

        Assert.That(Contents(plain), Is.EqualTo(new[] { "where is the quagga" }));
        Assert.That(Contents(near), Is.EquivalentTo(new[] { "where is the quagga", "turn 3", "turn 4", "turn 5", "turn 6" }));
        Assert.That(
            near.Select(match => (match.Record.Content, match.Explanation.Neighbours)),
            Is.EquivalentTo(new[] { ("where is the quagga", 0.0), ("turn 4", 0.5), ("turn 5", 0.5), ("turn 3", 0.25), ("turn 6", 0.25) }),
            "half for each step");
        Assert.That(near.Select(match => match.TextRank), Is.EqualTo(new int?[] { 1, null, null, null, null }));
    }

    [Test]
    public async Task Two_hits_side_by_side_raise_each_other_once()
    {
        await StoreAsync(80, "the quagga sleeps", 1);
        await StoreAsync(80, "the quagga dreams", 2);

        var matches = await SearchAsync(query => query with { Mode = SearchMode.Text, Neighbours = 10, NeighbourWeight = 0.5 });

        Assert.That(matches.Select(match => match.Explanation.Neighbours), Is.All.EqualTo(0.5).Within(1e-9));
    }

    [Test]
    public async Task Neighbours_come_along_in_their_order()
    {
        for (var i = 8; i >= 0; i--)
            await StoreAsync(80, $"turn {i}", i);
        await StoreAsync(0, "where is the quagga", 4.5);

        var one = await SearchAsync(query => query with { Limit = 1, IncludeNeighbours = true });
        var three = await SearchAsync(query => query with { Limit = 1, IncludeNeighbours = true, Neighbours = 3 });

        Assert.That(Contents(one[0].Neighbours), Is.EqualTo(new[] { "turn 4", "turn 5" }), "one before and one after when no number is given");
        Assert.That(Contents(three[0].Neighbours), Is.EqualTo(new[] { "turn 2", "turn 3", "turn 4", "turn 5", "turn 6", "turn 7" }));
        Assert.That((await SearchAsync(query => query with { Limit = 1 }))[0].Neighbours, Is.Empty, "not unless asked");
    }

    [Test]
    public async Task Neighbours_of_the_same_time_have_an_order_too()
    {
        for (var i = 0; i < 5; i++)
            await StoreAsync(80, $"turn {i}", 0);
        await StoreAsync(0, "where is the quagga", 0);

        var match = (await SearchAsync(query => query with { Limit = 1, IncludeNeighbours = true, Neighbours = 10 })).Single();

        Assert.That(match.Neighbours, Has.Count.EqualTo(5));
        Assert.That(match.Neighbours.Select(neighbour => neighbour.Id), Is.Unique);
    }

    [Test]
    public async Task Neighbours_never_cross_namespace_session_filter_or_expiry([Values] SearchMode mode)
    {
        await StoreAsync(0, "where is the quagga", 5);
        await StoreAsync(80, "another namespace", 4, memory => memory with { Namespace = "other" });
        await StoreAsync(80, "another session", 4, memory => memory with { SessionId = "other" });
        await StoreAsync(80, "no session", 4, memory => memory with { SessionId = null });
        await StoreAsync(80, "outside of the filter", 4, memory => memory with { Kind = "other" });
        await StoreAsync(80, "expired", 4, memory => memory with { ExpiresAt = DateTimeOffset.UtcNow.AddHours(-1) });
        await StoreAsync(80, "behind them all", 3);

        foreach (var space in new[] { MemoryFilter.DefaultNamespace, MemoryFilter.AllNamespaces })
        {
            var matches = await SearchAsync(query => query with
            {
                Mode = mode,
                Namespace = space,
                Kind = "turn",
                Neighbours = 1,
                IncludeNeighbours = true,
            });
            var hit = matches.Single(match => match.Record.Content == "where is the quagga");
            Assert.That(Contents(hit.Neighbours), Is.EqualTo(new[] { "behind them all" }));
            Assert.That(matches.Select(match => match.Record.Kind), Is.All.EqualTo("turn"));
        }
    }

    [Test]
    public async Task A_memory_without_a_session_has_no_neighbours()
    {
        await StoreAsync(0, "where is the quagga", 5, memory => memory with { SessionId = null });
        await StoreAsync(80, "another one", 6, memory => memory with { SessionId = null });

        var hit = (await SearchAsync(query => query with { Limit = 1, Neighbours = 5, IncludeNeighbours = true })).Single();

        Assert.That(hit.Neighbours, Is.Empty);
        Assert.That(hit.Explanation.Neighbours, Is.EqualTo(0));
    }

    [Test]
    public async Task A_neighbour_that_is_unlike_the_query_lowers_nothing()
    {
        await StoreAsync(10, "alone", 1, memory => memory with { SessionId = "alone" });
        await StoreAsync(10, "beside its opposite", 2);
        await StoreAsync(180, "the opposite", 3);

        var matches = await SearchAsync(query => query with { Mode = SearchMode.Vector, Neighbours = 1 });

        Assert.That(matches.Single(match => match.Record.Content == "beside its opposite").Explanation.Neighbours, Is.EqualTo(0));
    }

    private async Task StoreAsync(double angle, string text, double minute, Func<NewMemory, NewMemory>? with = null)
    {
        var memory = new NewMemory(_vectors.At(angle, text), MemoryType.Agent) { SessionId = "one", Kind = "turn", CreatedAt = Start.AddMinutes(minute) };
        await Store.StoreAsync(with?.Invoke(memory) ?? memory);
    }

    private Task<IReadOnlyList<MemoryMatch>> SearchAsync(Func<MemoryQuery, MemoryQuery> with) =>
        Store.SearchAsync(with(new MemoryQuery(_vectors.At(0, "quagga"))));

    private static IEnumerable<string> Contents(IEnumerable<MemoryMatch> matches) => Contents(matches.Select(match => match.Record));

    private static IEnumerable<string> Contents(IEnumerable<MemoryRecord> records) => records.Select(record => record.Content);
}
