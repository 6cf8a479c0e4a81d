using CsCheck;

namespace UnifiedMemory.Tests.Searching;

/// <summary>Words and vectors together: what a score is made of, and what never changes whatever the options.</summary>
public sealed class HybridTests : StoreFixture
{
    private static readonly string[] Words = ["apple", "bridge", "cloud", "dragon", "engine", "forest", "garden", "harbor"];

    private readonly KnownVectors _vectors = new(8);

    protected override IEmbeddingProvider Provider => _vectors;

    [TearDown]
    public void RepairVectors() => _vectors.Fails = false;

    [Test]
    public async Task Whatever_is_asked_for_scores_are_what_they_are_explained_with_and_in_order()
    {
        var memories = Many(200).ToList();
        await Store.StoreManyAsync(memories);
        var queries =
            from words in Gen.Shuffle(Words, 1, 3)
            from limit in Gen.Frequency((3, Gen.Int[1, 30]), (1, Gen.Int[100, 1000]))
            from mode in Gen.Enum<SearchMode>()
            from fusion in Gen.Enum<FusionMethod>()
            from shares in Gen.OneOf(0, 0.25, 0.6, 1).Array[5]
            from neighbours in Gen.Frequency((1, 0), (1, 1), (1, 2), (1, 10))
            from neighboursToo in Gen.Bool
            from date in Gen.OneOf("", " on 8 May 2023", " in 2026", " since 1205-01-01")
            from halfLife in Gen.OneOf(0.0, 1e-4, 1, 30, 1e6)
            from diversity in Gen.OneOf(0, 0, 0.3, 1)
            from minimum in Gen.OneOf(-2, -2, -0.5, 0.3, 1)
            select new MemoryQuery(string.Join(' ', words) + date)
            {
                Limit = limit,
                Mode = mode,
                Fusion = fusion,
                TextWeight = shares[0],
                NeighbourWeight = shares[1],
                TimeWeight = shares[2],
                ImportanceWeight = shares[3],
                Neighbours = neighbours,
                IncludeNeighbours = neighboursToo,
                RecencyHalfLife = halfLife == 0 ? null : TimeSpan.FromDays(halfLife),
                Diversity = diversity,
                MinimumSimilarity = minimum < -1 || mode == SearchMode.Text ? null : minimum,
            };

        await queries.SampleAsync(
            async query =>
            {
                var matches = await Store.SearchAsync(query);

                if (query.Mode != SearchMode.Text && query.MinimumSimilarity is null)
                    Assert.That(matches, Has.Count.EqualTo(Math.Min(query.Limit, 200)));
                Assert.That(matches.Select(match => match.Record.Id), Is.Unique);
                if (query.Diversity == 0)
                    Assert.That(matches.Select(match => match.Score), Is.Ordered.Descending);
                foreach (var match in matches)
                {
                    var why = match.Explanation;
                    var (parts, factor) = (why.Vector + why.Text + why.Neighbours + why.Time, why.Recency * why.Importance);
                    Assert.That(match.Score, parts >= 0 ? Is.EqualTo(parts * factor).Within(1e-9) : Is.EqualTo(parts / factor).Within(1e-6).Percent);
                    Assert.That(match.Similarity, Is.AtLeast(query.MinimumSimilarity ?? -1.00001));
                    Assert.That(match.Similarity, Is.EqualTo(query.Mode == SearchMode.Text ? 0 : _vectors.Cosine(query.Text, match.Record.Content)).Within(1e-5));
                    Assert.That(match.TextScore, query.Mode == SearchMode.Vector ? Is.Null : Is.AtLeast(0));
                    Assert.That(match.TextRank is not null, Is.EqualTo(match.TextScore > 0), "a rank by text for those with a word");
                    Assert.That(match.VectorRank is null, Is.EqualTo(query.Mode == SearchMode.Text));
                    Assert.That(why.Recency, Is.InRange(0, 1));
                    Assert.That(why.Importance, Is.InRange(1 - (query.ImportanceWeight / 2) - 1e-6, 1 + (query.ImportanceWeight / 2) + 1e-6));
                    Assert.That(why.Time, Is.InRange(0, query.TimeWeight));
                    Assert.That(why.Neighbours, Is.AtLeast(0), "neighbours only raise");
                    Assert.That(match.Neighbours, query.IncludeNeighbours ? Has.Count.AtMost(2 * Math.Max(1, query.Neighbours)) : Is.Empty);
                    Assert.That(match.Neighbours.Select(neighbour => neighbour.SessionId), Is.All.EqualTo(match.Record.SessionId));
                }
            },
            iter: 150, threads: 1, print: query => query.ToString());
    }

    [Test]
    public async Task Who_is_first_in_both_halves_is_first([Values] FusionMethod fusion, [Values(0, 0.3, 1)] double textWeight)
    {
        await Store.StoreManyAsync(Many(60));
        await Store.StoreAsync(new NewMemory(_vectors.At(5, "zebra yacht"), MemoryType.Rag));
        await Store.StoreAsync(new NewMemory(_vectors.At(20, "yacht and apple"), MemoryType.Rag));

        var matches = await Store.SearchAsync(new MemoryQuery(_vectors.At(0, "yacht zebra")) { Fusion = fusion, TextWeight = textWeight });

        Assert.That(matches[0].Record.Content, Is.EqualTo("zebra yacht"));
        Assert.That((matches[0].VectorRank, matches[0].TextRank), Is.EqualTo(((int?)1, (int?)1)));
        if (textWeight > 0)
            Assert.That(matches[0].Score, Is.EqualTo(1).Within(1e-9), "the best of both");
    }

    [Test]
    public async Task The_weight_of_the_text_goes_from_the_one_order_to_the_other()
    {
        await Store.StoreManyAsync(Many(60));
        var query = new MemoryQuery("apple cloud engine") { Limit = 60 };

        var text = await Store.SearchAsync(query with { Mode = SearchMode.Text });
        var vector = await Store.SearchAsync(query with { Mode = SearchMode.Vector });

        var words = await Store.SearchAsync(query with { TextWeight = 1 });
        Assert.That(Ids(words).Take(text.Count), Is.EquivalentTo(Ids(text)));
        Assert.That(
            words.Take(text.Count).Select(match => (match.TextScore, -match.Similarity)), Is.Ordered.Descending.By("Item1").Then.Ascending.By("Item2"),
            "of equal words the most similar first");
        Assert.That(
            Ids(words).Skip(text.Count), Is.EqualTo(Ids(vector).Except(Ids(text))).And.Not.Empty, "those without a word by similarity");
        Assert.That(
            Ids(await Store.SearchAsync(query with { TextWeight = 1, Limit = text.Count + 3 })), Is.EqualTo(Ids(words).Take(text.Count + 3)), "and of them the most similar");
        Assert.That(Ids(await Store.SearchAsync(query with { TextWeight = 0 })), Is.EqualTo(Ids(vector)));
    }

    [Test]
    public async Task Without_a_word_that_is_known_it_is_a_search_by_vector([Values("quagga", "?", "is it", "🦄")] string text)
    {
        await Store.StoreManyAsync(Many(60));

        var hybrid = await Store.SearchAsync(new MemoryQuery(text) { Limit = 20 });
        var vector = await Store.SearchAsync(new MemoryQuery(text) { Limit = 20, Mode = SearchMode.Vector });

        Assert.That(Ids(hybrid), Is.EqualTo(Ids(vector)));
        Assert.That(hybrid.Select(match => match.Score), Is.EqualTo(hybrid.Select(match => match.Similarity)));
        Assert.That(hybrid.Select(match => match.Similarity), Is.EqualTo(vector.Select(match => match.Similarity)).Within(1e-9));
    }

    [Test]
    public async Task A_search_by_text_needs_no_embedding()
    {
        await Store.StoreManyAsync(Many(60));
        await using var store = NewStore();
        _vectors.Fails = true;

        var matches = await store.SearchAsync(new MemoryQuery("dragon") { Mode = SearchMode.Text, Limit = 60 });

        Assert.That(matches, Is.Not.Empty);
        Assert.That(matches.Select(match => match.Record.Content), Is.All.Contains("dragon"));
        Assert.That(await store.SearchAsync(new MemoryQuery("quagga") { Mode = SearchMode.Text }), Is.Empty);
        Assert.That(async () => await store.SearchAsync(new MemoryQuery("dragon")), Throws.InstanceOf<UnifiedMemoryException>());
    }

    [Test]
    public async Task Ranks_are_fused_by_their_formula()
    {
        await Store.StoreManyAsync(Many(60));

        var matches = await Store.SearchAsync(
            new MemoryQuery("garden harbor") { Limit = 60, Fusion = FusionMethod.ReciprocalRank, TextWeight = 0.3 });

        foreach (var match in matches)
        {
            Assert.That(match.Explanation.Vector, Is.EqualTo(0.7 * 61 / (60 + match.VectorRank!.Value)).Within(1e-9));
            Assert.That(match.Explanation.Text, Is.EqualTo(match.TextRank is { } rank ? 0.3 * 61 / (60 + rank) : 0).Within(1e-9));
        }
    }

    [Test]
    public async Task A_best_similarity_near_nothing_does_not_outweigh_the_words()
    {
        await Store.StoreAsync(new NewMemory(_vectors.At(89.99, "somewhat similar"), MemoryType.Rag));
        await Store.StoreAsync(new NewMemory(_vectors.At(100, "the quagga"), MemoryType.Rag));

        var matches = await Store.SearchAsync(new MemoryQuery(_vectors.At(0, "quagga")));

        Assert.That(matches.Select(match => match.Record.Content), Is.EqualTo(new[] { "the quagga", "somewhat similar" }));
    }

    [Test]
    public async Task A_minimum_similarity_cuts_off_what_only_the_words_find()
    {
        await Store.StoreAsync(new NewMemory(_vectors.At(30, "near"), MemoryType.Rag));
        await Store.StoreAsync(new NewMemory(_vectors.At(80, "the quagga"), MemoryType.Rag));
        var query = new MemoryQuery(_vectors.At(0, "quagga"));

        Assert.That((await Store.SearchAsync(query)).Select(match => match.Record.Content), Is.EqualTo(new[] { "the quagga", "near" }));
        Assert.That((await Store.SearchAsync(query with { MinimumSimilarity = 0.5 })).Select(match => match.Record.Content), Is.EqualTo(new[] { "near" }));
        Assert.That(await Store.SearchAsync(query with { MinimumSimilarity = 0.9 }), Is.Empty);
    }

    /// <summary>Memories of three words each, in sessions of ten.</summary>
    private static IEnumerable<NewMemory> Many(int count)
    {
        var random = new Random(4711);
        return Enumerable.Range(0, count).Select(i => new NewMemory(
            string.Join(' ', Enumerable.Range(0, 3).Select(_ => Words[random.Next(Words.Length)]).Append($"number{i}")), MemoryType.Rag)
        {
            SessionId = $"session {i / 10}",
            Importance = random.NextDouble(),
            CreatedAt = new DateTimeOffset(2023, 1, 1, 0, 0, 0, TimeSpan.Zero).AddDays(random.Next(900)),
        });
    }

    private static IEnumerable<Guid> Ids(IEnumerable<MemoryMatch> matches) => matches.Select(match => match.Record.Id);
}
