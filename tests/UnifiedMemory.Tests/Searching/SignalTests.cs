namespace UnifiedMemory.Tests.Searching;

/// <summary>What may raise a memory besides its words and its vector: dates, age, importance, being unlike the others.</summary>
public sealed class SignalTests : StoreFixture
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    private readonly KnownVectors _vectors = new(8);

    protected override IEmbeddingProvider Provider => _vectors;

    [Test]
    public async Task A_date_in_the_query_raises_what_was_made_near_it()
    {
        foreach (var (day, text) in new[] { (8, "of that day"), (13, "five days later"), (28, "twenty days later") })
            await StoreAsync(10, text, memory => memory with { CreatedAt = new DateTimeOffset(2023, 5, day, 12, 0, 0, TimeSpan.Zero) });
        await StoreAsync(5, "years later", memory => memory);

        var matches = await SearchAsync(0, "what did she say on 8 May 2023?", query => query with { Mode = SearchMode.Vector, TimeWeight = 0.5 });

        Assert.That(Contents(matches), Is.EqualTo(new[] { "of that day", "five days later", "twenty days later", "years later" }));
        Assert.That(matches.Select(match => match.Explanation.Time), Is.EqualTo(new[]
        {
            0.5, 0.5 * Math.Pow(0.5, 4.5 / 5), 0.5 * Math.Pow(0.5, 19.5 / 5), 0,
        }).Within(1e-9), "from the end of the day, half for each five days");
        Assert.That(
            Contents(await SearchAsync(0, "what did she say?", query => query with { Mode = SearchMode.Vector, TimeWeight = 0.5 })).First(),
            Is.EqualTo("years later"), "no date, no gain");
    }

    [Test]
    public async Task The_nearest_of_several_dates_counts()
    {
        await StoreAsync(10, "in May", memory => memory with { CreatedAt = new DateTimeOffset(2023, 5, 8, 0, 0, 0, TimeSpan.Zero) });
        await StoreAsync(10, "in June", memory => memory with { CreatedAt = new DateTimeOffset(2024, 6, 30, 23, 59, 59, TimeSpan.Zero) });

        var matches = await SearchAsync(0, "8 May 2023 or June 2024", query => query with { TimeWeight = 1 });

        Assert.That(matches.Select(match => match.Explanation.Time), Is.All.EqualTo(1.0));
    }

    [Test]
    public async Task A_half_life_halves()
    {
        foreach (var age in new[] { 0, 1, 2, 10 })
            await StoreAsync(10, $"{age} days old", memory => memory with { CreatedAt = DateTimeOffset.UtcNow - (age * Day) });

        var matches = await SearchAsync(0, "anything", query => query with { RecencyHalfLife = Day, Mode = SearchMode.Vector });

        Assert.That(matches.Select(match => match.Explanation.Recency), Is.EqualTo(new[] { 1, 0.5, 0.25, 1.0 / 1024 }).Within(0.1).Percent);
        Assert.That(matches.Select(match => match.Score), Is.EqualTo(matches.Select(match => match.Similarity * match.Explanation.Recency)).Within(1e-9));
    }

    [Test]
    public async Task What_comes_from_the_future_is_not_better_than_what_is_new()
    {
        await StoreAsync(10, "tomorrow", memory => memory with { CreatedAt = DateTimeOffset.UtcNow + Day });

        Assert.That((await SearchAsync(0, "anything", query => query with { RecencyHalfLife = Day }))[0].Explanation.Recency, Is.EqualTo(1));
    }

    [Test]
    public async Task An_age_of_thousands_of_half_lives_is_no_error_and_leaves_the_order()
    {
        // 0.5 ^ 1100 is an underflow, and that is an error to PostgreSQL.
        await StoreAsync(10, "old", memory => memory with { CreatedAt = new DateTimeOffset(1, 1, 2, 0, 0, 0, TimeSpan.Zero) });
        await StoreAsync(20, "as old", memory => memory with { CreatedAt = new DateTimeOffset(1, 1, 2, 0, 0, 0, TimeSpan.Zero) });
        await StoreAsync(60, "new", memory => memory);
        TimeSpan[] halfLives = [TimeSpan.FromTicks(1), TimeSpan.FromMinutes(1), Day, TimeSpan.MaxValue];

        foreach (var halfLife in halfLives)
        {
            var matches = await SearchAsync(0, "since 2 January 2023", query => query with { RecencyHalfLife = halfLife, TimeWeight = 1, Mode = SearchMode.Vector });
            Assert.That(Contents(matches).Where(content => content != "new"), Is.EqualTo(new[] { "old", "as old" }), halfLife.ToString());
        }
    }

    [Test]
    public async Task Importance_raises_and_lowers()
    {
        foreach (var importance in new[] { 0, 0.5, 1 })
            await StoreAsync(10, $"importance {importance * 10}", memory => memory with { Importance = importance });

        var matches = await SearchAsync(0, "anything", query => query with { ImportanceWeight = 0.8, Mode = SearchMode.Vector });

        Assert.That(matches.Select(match => match.Explanation.Importance), Is.EqualTo(new[] { 1.4, 1, 0.6 }).Within(1e-9));
        Assert.That(matches.Select(match => match.Score), Is.EqualTo(matches.Select(match => match.Similarity * match.Explanation.Importance)).Within(1e-9));
    }

    [Test]
    public async Task What_points_away_from_the_query_is_not_better_for_being_old_or_unimportant()
    {
        await StoreAsync(110, "new", memory => memory);
        await StoreAsync(110.1, "old", memory => memory with { CreatedAt = DateTimeOffset.UtcNow - (10 * Day) });
        await StoreAsync(110.2, "unimportant", memory => memory with { Importance = 0 });

        var byAge = await SearchAsync(0, "anything", query => query with { Mode = SearchMode.Vector, RecencyHalfLife = Day });
        var byImportance = await SearchAsync(0, "anything", query => query with { Mode = SearchMode.Vector, ImportanceWeight = 1 });

        Assert.That(byAge.Select(match => match.Score), Is.All.Negative);
        Assert.That(Contents(byAge), Is.EqualTo(new[] { "new", "unimportant", "old" }));
        Assert.That(Contents(byImportance), Is.EqualTo(new[] { "new", "old", "unimportant" }));
    }

    [Test]
    public async Task Diversity_spreads_over_the_clusters_and_none_changes_nothing()
    {
        foreach (var (angle, cluster) in new[] { (10, "a"), (-25, "b"), (60, "c") })
        {
            for (var i = 0; i < 5; i++)
                await StoreAsync(angle + (i * 0.1), $"{cluster} {i}", memory => memory);
        }

        var plain = await SearchAsync(0, "anything", query => query with { Mode = SearchMode.Vector, Limit = 3 });
        var diverse = await SearchAsync(0, "anything", query => query with { Mode = SearchMode.Vector, Limit = 3, Diversity = 0.9 });
        var ranked = await SearchAsync(0, "anything", query => query with { Limit = 15, Diversity = 1e-12 });

        Assert.That(Contents(plain), Is.EqualTo(new[] { "a 0", "a 1", "a 2" }));
        Assert.That(Contents(diverse).Select(content => content[0]), Is.EquivalentTo("abc"));
        Assert.That(diverse[0].Record.Content, Is.EqualTo("a 0"), "the best stays first");
        Assert.That(ranked.Select(match => match.Score), Is.Ordered.Descending);
    }

    [Test]
    public async Task What_is_chosen_next_is_unlike_all_that_were_chosen_and_not_the_last_alone()
    {
        foreach (var angle in new[] { 0, 1, 40, 80 })
            await StoreAsync(angle, $"at {angle}", memory => memory);

        var matches = await SearchAsync(0, "anything", query => query with { Mode = SearchMode.Vector, Diversity = 0.9 });

        Assert.That(Contents(matches), Is.EqualTo(new[] { "at 0", "at 80", "at 40", "at 1" }));
    }

    private async Task StoreAsync(double angle, string text, Func<NewMemory, NewMemory> with) =>
        await Store.StoreAsync(with(new NewMemory(_vectors.At(angle, text), MemoryType.Rag)));

    private Task<IReadOnlyList<MemoryMatch>> SearchAsync(double angle, string text, Func<MemoryQuery, MemoryQuery> with) =>
        Store.SearchAsync(with(new MemoryQuery(_vectors.At(angle, text))));

    private static IEnumerable<string> Contents(IEnumerable<MemoryMatch> matches) => matches.Select(match => match.Record.Content);
}
