using System.Text;

namespace UnifiedMemory.Tests.Searching;

/// <summary>Which words are found, and that no text is anything but data.</summary>
public sealed class TextTests : StoreFixture
{
    [TestCase("getUserName", "user")]
    [TestCase("getUserName", "getUserName")]
    [TestCase("HTTPServer", "http")]
    [TestCase("HTTPServer", "server")]
    [TestCase("parseHTTPRequest", "http request")]
    [TestCase("os.path_join(a)", "path")]
    [TestCase("os.path_join(a)", "os.path_join")]
    [TestCase("snake_case_name", "case")]
    [TestCase("src/Searching/Planner.cs", "planner")]
    [TestCase("vector2Array", "array")]
    [TestCase("--dry-run=true", "dry")]
    [TestCase("a@example.org", "example")]
    [TestCase("running shoes", "shoe runs")]
    [TestCase("naïve café", "café")]
    public async Task Identifiers_are_found_by_their_parts(string content, string query)
    {
        await Store.StoreAsync(new NewMemory("something else", MemoryType.Rag));
        await Store.StoreAsync(new NewMemory($"before {content} after", MemoryType.Rag));

        var matches = await SearchAsync(query);

        Assert.That(matches.Select(match => match.Record.Content), Is.EqualTo(new[] { $"before {content} after" }));
    }

    [Test]
    public async Task The_language_is_an_option()
    {
        await using var german = NewStore(options => (options.SchemaPrefix, options.TextSearchConfiguration) = (Prefix + "de_", "german"));
        try
        {
            await german.MigrateAsync();
            await german.StoreAsync(new NewMemory("viele alte Häuser", MemoryType.Rag));

            Assert.That(await german.SearchAsync(new MemoryQuery("ein altes Haus") { Mode = SearchMode.Text }), Has.Count.EqualTo(1));
            Assert.That(await german.SearchAsync(new MemoryQuery("und der die das") { Mode = SearchMode.Text }), Is.Empty, "words of no meaning");
        }
        finally
        {
            await TestServer.ExecuteAsync($"DROP SCHEMA IF EXISTS {Prefix}de_memories CASCADE");
        }
    }

    [Test]
    public async Task Words_after_the_first_hundred_thousand_characters_are_stored_and_not_found()
    {
        var text = new StringBuilder("beginning ");
        while (text.Length < 99_990)
            text.Append("filler ");
        text.Length = 99_990;
        text.Append(" quagga").Append(' ', 3).Append("zebra");

        await Store.StoreAsync(new NewMemory(text.ToString(), MemoryType.Rag));

        Assert.That(await SearchAsync("quagga"), Has.Count.EqualTo(1));
        Assert.That(await SearchAsync("beginning"), Has.Count.EqualTo(1));
        Assert.That(await SearchAsync("zebra"), Is.Empty);
        Assert.That((await SearchAsync("quagga"))[0].Record.Content, Does.EndWith("zebra"));
    }

    [Test]
    public async Task Two_hundred_thousand_different_words_are_stored_and_searched()
    {
        // As many as fit into the megabyte that a content may have; four letters each.
        var many = string.Join(' ', Enumerable.Range(0, 200_000).Select(i => string.Concat("abcdefghijklmnopqrstuvwxyz"[i / 17576 % 26], "abcdefghijklmnopqrstuvwxyz"[i / 676 % 26], "abcdefghijklmnopqrstuvwxyz"[i / 26 % 26], "abcdefghijklmnopqrstuvwxyz"[i % 26])));
        await Store.StoreAsync(new NewMemory(many, MemoryType.Rag));
        await Store.StoreAsync(new NewMemory("aabb and others", MemoryType.Rag));

        Assert.That(await SearchAsync("aabb"), Has.Count.EqualTo(2));
        Assert.That(await SearchAsync(many), Is.Not.Empty);
        Assert.That(await Store.SearchAsync(new MemoryQuery(many)), Has.Count.EqualTo(2));
    }

    public static IEnumerable<TestCaseData> HostileTexts()
    {
        (string Name, string Text)[] texts =
        [
            ("quotes", "'; DROP TABLE memories; -- \" '' ' \"\" $$ $1 @text"),
            ("backslashes", @"\ \\ \' \x41 E'\n' C:\temp\'"),
            ("operators", "a & b | !c <-> d:* <2> (e & (f"),
            ("emoji", "🦄 👩‍👩‍👧‍👦 ❤️"),
            ("a combining mark", "e\u0301 \u0301 cafe\u0301\u0301\u0301"),
            ("only punctuation", "!?.,;:--- ''' \"\"\" &&& ||| ((("),
            ("only stop words", "the of and is it to"),
            ("a megabyte of one word", new string('a', 1_000_000)),
            ("a megabyte of words", string.Concat(Enumerable.Repeat("lorem ipsum dolor sit amet ", 38_000))),
            ("a megabyte of quotes", new string('\'', 1_000_000)),
            ("controls", "\u0001\u0002\t\r\n\u007f\u0085\u2028 x"),
            ("right to left", "\u202eשלום مرحبا\u202c"),
            ("half-width and full-width", "ｆｕｌｌ ﾊﾝｶｸ 日本語のテキスト"),
            ("a URL", "https://user:pass@example.org:8080/a/b.c?d=e&f=%27#g"),
            ("a weight", "word:1A,2B 'word':3"),
        ];
        return texts.Select(one => new TestCaseData(one.Text).SetArgDisplayNames(one.Name));
    }

    [TestCaseSource(nameof(HostileTexts))]
    public async Task Every_text_is_data(string text)
    {
        await Store.StoreAsync(new NewMemory("something else entirely", MemoryType.Rag));
        await Store.StoreAsync(new NewMemory(text, MemoryType.Rag) { SessionId = "s" });

        foreach (var mode in Enum.GetValues<SearchMode>())
        {
            var matches = await Store.SearchAsync(new MemoryQuery(text) { Mode = mode, Neighbours = 1, TimeWeight = 1, IncludeNeighbours = true });
            if (mode != SearchMode.Text)
                Assert.That(matches[0].Record.Content, Is.EqualTo(text), mode.ToString());
            else
                Assert.That(matches.Select(match => match.Record.Content), Is.SubsetOf(new[] { text }));
        }
    }

    private Task<IReadOnlyList<MemoryMatch>> SearchAsync(string text) => Store.SearchAsync(new MemoryQuery(text) { Mode = SearchMode.Text });
}
