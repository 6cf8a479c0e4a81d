namespace UnifiedMemory.Tests.Searching;

/// <summary>The ranking in SQL against the formula.</summary>
public sealed partial class Bm25Tests : StoreFixture
{
    private static readonly string[] Vocabulary = [.. Enumerable.Range(0, 80).Select(i => $"w{(char)('a' + (i / 26))}{(char)('a' + (i % 26))}")];

    protected override UnifiedMemoryOptions NewOptions()
    {
        var options = base.NewOptions();
        options.TextSearchConfiguration = "simple";
        return options;
    }

    [Test]
    public async Task Scores_and_order_are_those_of_the_formula_in_every_scope()
    {
        var memories = Documents(400).ToList();
        await Store.StoreManyAsync(memories);
        var random = new Random(3);
        (MemoryFilter Filter, Func<NewMemory, bool> Allows)[] scopes =
        [
            (new MemoryFilter(), memory => memory.Namespace == "default"),
            (new MemoryFilter { Namespace = MemoryFilter.AllNamespaces }, _ => true),
            (new MemoryFilter { Namespace = "second" }, memory => memory.Namespace == "second"),
            (new MemoryFilter { Namespace = MemoryFilter.AllNamespaces, Types = [MemoryType.Agent] }, memory => memory.Type == MemoryType.Agent),
            (new MemoryFilter { Tags = ["some"], Kind = "k" }, memory => memory is { Namespace: "default", Kind: "k", Tags.Count: 1 }),
        ];
        foreach (var (filter, allows) in scopes)
        {
            var inScope = memories.Where(allows).Select(memory => memory.Content).ToList();
            var bm25 = new PlainBm25(inScope);
            for (var words = 1; words <= 12; words++)
            {
                var text = string.Join(' ', random.GetItems(Vocabulary, words).Append("unknown"));
                var expected = inScope.Select(content => (Content: content, Score: bm25.Score(text, content))).Where(one => one.Score > 0).ToDictionary();

                var matches = await Store.SearchAsync(new MemoryQuery(text)
                {
                    Mode = SearchMode.Text,
                    Limit = 1000,
                    Namespace = filter.Namespace,
                    Types = filter.Types,
                    Tags = filter.Tags,
                    Kind = filter.Kind,
                });

                Assert.That(matches.Select(match => match.Record.Content), Is.EquivalentTo(expected.Keys), $"{filter}: {text}");
                foreach (var match in matches)
                    Assert.That(match.TextScore, Is.EqualTo(expected[match.Record.Content]).Within(1e-6), $"{filter}: {text}: {match.Record.Content}");
                Assert.That(matches.Select(match => match.TextScore), Is.Ordered.Descending);
                var best = matches.Take(5).ToList();
                Assert.That(
                    (await Store.SearchAsync(new MemoryQuery(text)
                    {
                        Mode = SearchMode.Text,
                        Limit = 5,
                        Namespace = filter.Namespace,
                        Types = filter.Types,
                        Tags = filter.Tags,
                        Kind = filter.Kind,
                    })).Select(match => match.Record.Id),
                    Is.EqualTo(best.Select(match => match.Record.Id)), "the best five of many are the best five");
            }
        }
    }

    [Test]
    public async Task How_often_a_word_stands_in_a_memory_is_exact_as_far_as_positions_are_kept()
    {
        string[] contents = [.. Enumerable.Range(1, 255).Select(i => $"number{i} {string.Join(' ', Enumerable.Repeat("needle", i))}"), .. Enumerable.Range(0, 500).Select(i => $"hay {i}")];
        await Store.StoreManyAsync(contents.Select(content => new NewMemory(content, MemoryType.Rag)));
        var bm25 = new PlainBm25(contents);

        var matches = await Store.SearchAsync(new MemoryQuery("needle") { Mode = SearchMode.Text, Limit = 1000 });

        Assert.That(matches, Has.Count.EqualTo(255));
        // From 254 to 255 occurrences the score grows by 0.0014 %.
        foreach (var match in matches)
            Assert.That(match.TextScore, Is.EqualTo(bm25.Score("needle", match.Record.Content)).Within(0.0001).Percent, match.Record.Content[..12]);
    }

    [Test]
    public async Task A_word_that_stands_more_often_than_positions_are_kept_counts_as_the_most()
    {
        await Store.StoreAsync(new NewMemory(string.Join(' ', Enumerable.Repeat("needle", 255)), MemoryType.Rag));
        await Store.StoreAsync(new NewMemory(string.Join(' ', Enumerable.Repeat("needle", 10_000)), MemoryType.Rag));
        await Store.StoreAsync(new NewMemory("hay", MemoryType.Rag));

        var scores = (await Store.SearchAsync(new MemoryQuery("needle") { Mode = SearchMode.Text })).Select(match => match.TextScore!.Value).ToList();

        Assert.That(scores, Has.Count.EqualTo(2));
        Assert.That(scores[0], Is.EqualTo(scores[1]).Within(0.001).Percent);
    }

    [Test]
    public async Task In_a_small_scope_of_a_large_table_scores_are_those_of_the_formula()
    {
        // Three words of the vocabulary are in each memory of the rest, and so looked for in the scope; the others in their index.
        await InsertAsync(6_000, "rag", "'waa wab wac filler' || i");
        var memories = Documents(400).Where(memory => memory.Namespace == "second").ToList();
        await Store.StoreManyAsync(memories);
        await TestServer.ExecuteAsync($"ANALYZE {Table}");
        var bm25 = new PlainBm25([.. memories.Select(memory => memory.Content)]);
        foreach (var text in (string[])["waa", "wab wbz", "waa wac wab wbk wcb", "wbn wcb number4"])
        {
            var expected = memories.Select(memory => (memory.Content, Score: bm25.Score(text, memory.Content))).Where(one => one.Score > 0).ToDictionary();

            var matches = await Store.SearchAsync(new MemoryQuery(text) { Mode = SearchMode.Text, Namespace = "second", Limit = 1000 });

            Assert.That(matches.Select(match => match.Record.Content), Is.EquivalentTo(expected.Keys), text);
            foreach (var match in matches)
                Assert.That(match.TextScore, Is.EqualTo(expected[match.Record.Content]).Within(1e-6), $"{text}: {match.Record.Content}");
        }
    }

    private static IEnumerable<NewMemory> Documents(int count)
    {
        var random = new Random(1);
        for (var i = 0; i < count; i++)
        {
            // Squared, so that some words are frequent.
            var words = Enumerable.Range(0, random.Next(3, 120)).Select(_ => Vocabulary[(int)(Math.Pow(random.NextDouble(), 2) * Vocabulary.Length)]);
            yield return new NewMemory(string.Join(' ', words.Append($"number{i}")), i % 3 == 0 ? MemoryType.Agent : MemoryType.Rag)
            {
                Namespace = i % 4 == 0 ? "second" : "default",
                Kind = i % 5 == 0 ? "k" : null,
                Tags = i % 7 == 0 ? ["some"] : [],
            };
        }
    }
}
