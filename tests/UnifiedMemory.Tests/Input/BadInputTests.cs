using System.Text.Json.Nodes;

namespace UnifiedMemory.Tests.Input;

public sealed class BadInputTests : StoreFixture
{
    private static readonly NewMemory Good = new("good", MemoryType.Rag);

    public static IEnumerable<TestCaseData> BadMemories()
    {
        (string Name, NewMemory Memory, string Message)[] cases =
        [
            ("blank content", Good with { Content = " \n" }, "Content is blank"),
            ("null content", Good with { Content = null! }, "Content is blank"),
            ("U+0000 in content", Good with { Content = "a\0" }, "U+0000 at index 1"),
            ("half a surrogate pair", Good with { Content = "ab\ud83e" }, "surrogate pair at index 2"),
            ("the wrong half of a surrogate pair", Good with { Content = "\udde0ab" }, "surrogate pair at index 0"),
            ("content over the limit", Good with { Content = new string('é', 524_289) }, "1,048,578 bytes"),
            ("an unknown type", Good with { Type = (MemoryType)17 }, "17"),
            ("an empty namespace", Good with { Namespace = "" }, "namespace"),
            ("a hostile namespace", Good with { Namespace = "x'; DROP TABLE memories --" }, "x'; DROP TABLE"),
            ("the wildcard as namespace", Good with { Namespace = "*" }, "'*' is not a namespace"),
            ("a long namespace", Good with { Namespace = new string('n', 129) }, "1 to 128"),
            ("a blank agent", Good with { AgentId = "" }, "AgentId is blank"),
            ("a long session", Good with { SessionId = new string('s', 257) }, "257 characters"),
            ("U+0000 in the kind", Good with { Kind = "\0" }, "U+0000"),
            ("half a surrogate pair in the source", Good with { SourceSystem = "\ud83e" }, "surrogate"),
            ("U+0000 in a tag", Good with { Tags = ["a", "b\0"] }, "U+0000 at index 1"),
            ("too many tags", Good with { Tags = [.. Enumerable.Range(0, 65).Select(i => $"t{i}")] }, "65 entries"),
            ("a null tag", Good with { Tags = [null!] }, "Tags is blank"),
            ("null tags", Good with { Tags = null! }, "Tags is null"),
            ("importance above 1", Good with { Importance = 1.1 }, "0 to 1"),
            ("importance that is no number", Good with { Importance = double.NaN }, "0 to 1"),
            ("U+0000 in a metadata value", Good with { Metadata = new JsonObject { ["a"] = new JsonArray("\0") } }, "U+0000"),
            ("U+0000 in a metadata key", Good with { Metadata = new JsonObject { ["a\0"] = 1 } }, "U+0000"),
            ("half a surrogate pair in metadata", Good with { Metadata = new JsonObject { ["a"] = "\ud83e" } }, "surrogate"),
            ("U+0000 as a character in metadata", Good with { Metadata = new JsonObject { ["a"] = JsonValue.Create('\0') } }, "U+0000"),
            ("half a pair as a character in metadata", Good with { Metadata = new JsonObject { ["a"] = JsonValue.Create('\ud800') } }, "surrogate"),
            ("an escaped half pair in parsed metadata", Good with { Metadata = Parsed("""{"a":"\ud800"}""") }, "surrogate"),
            ("an escaped half pair as a key of parsed metadata", Good with { Metadata = Parsed("""{"\ud800":1}""") }, "surrogate"),
            ("an escaped U+0000 behind a backslash in parsed metadata", Good with { Metadata = Parsed("""{"a":"\\\u0000"}""") }, "U+0000"),
            ("U+0000 in an object of the caller's own type", Good with { Metadata = new JsonObject { ["a"] = JsonValue.Create(new { Text = "\0" }) } }, "U+0000"),
            ("half a pair in an object of the caller's own type", Good with { Metadata = new JsonObject { ["a"] = JsonValue.Create(new { Text = "\ud83e" }) } }, "surrogate"),
            ("a name twice in parsed metadata", Good with { Metadata = Parsed("""{"a":1,"a":2}""") }, "Duplicate"),
            ("an unmapped date", Good with { CreatedAt = default(DateTimeOffset) }, "CreatedAt"),
            ("an unmapped expiry", Good with { ExpiresAt = default(DateTimeOffset) }, "ExpiresAt"),
            ("large metadata", Good with { Metadata = new JsonObject { ["a"] = new string('x', 70_000) } }, "65,536"),
            ("deep metadata", Good with { Metadata = Deep(100) }, "depth of 64"),
        ];
        return cases.Select(one => new TestCaseData(one.Memory, one.Message).SetArgDisplayNames(one.Name));
    }

    [TestCaseSource(nameof(BadMemories))]
    public async Task A_bad_memory_is_refused_with_its_value_and_nothing_is_sent(NewMemory memory, string message)
    {
        Assert.That(async () => await Store.StoreAsync(memory), Throws.InstanceOf<ArgumentException>().With.Message.Contain(message));
        var many = await Store.StoreManyAsync([Good, memory, Good with { Content = "another" }]);

        Assert.That(many.Select(result => result.Outcome), Is.EqualTo(new[] { StoreOutcome.Created, StoreOutcome.Rejected, StoreOutcome.Created }));
        Assert.That(many[1].Rejection, Does.Contain(message));
        Assert.That(Embeddings.Embedded, Is.EquivalentTo(new[] { "good", "another" }));
    }

    [Test]
    public async Task Metadata_of_any_type_that_has_a_form_in_JSON_is_stored()
    {
        var stored = await Store.StoreAsync(Good with
        {
            Metadata = new JsonObject
            {
                ["day"] = JsonValue.Create(DayOfWeek.Friday),
                ["list"] = JsonValue.Create(new List<int> { 1, 2 }),
                ["own"] = JsonValue.Create(new { Text = "a", At = new DateOnly(2026, 3, 1) }),
                ["span"] = JsonValue.Create(TimeSpan.FromMinutes(1)),
                ["not an escape"] = "\\u0000 \\uFFFD \ufffd",
                ["parsed"] = JsonNode.Parse("""["\ufffd", "\ud83e\udde0"]"""),
            },
        });

        Assert.That(
            JsonNode.DeepEquals((await Store.GetAsync(stored.Id))!.Metadata, JsonNode.Parse(
                """
                {
                    "day": 5, "list": [1, 2], "own": {"Text": "a", "At": "2026-03-01"}, "span": "00:01:00",
                    "not an escape": "\\u0000 \\uFFFD \ufffd", "parsed": ["\ufffd", "🧠"]
                }
                """)),
            Is.True);
    }

    public static IEnumerable<TestCaseData> BadQueries()
    {
        var good = new MemoryQuery("good");
        (string Name, MemoryQuery Query, string Message)[] cases =
        [
            ("a blank text", good with { Text = "" }, "Text is blank"),
            ("U+0000", good with { Text = "a\0" }, "U+0000"),
            ("limit 0", good with { Limit = 0 }, "1 to 1,000"),
            ("limit -1", good with { Limit = -1 }, "-1"),
            ("limit a billion", good with { Limit = 1_000_000_000 }, "1000000000"),
            ("a similarity above 1", good with { MinimumSimilarity = 1.5 }, "-1 to 1"),
            ("a similarity that is no number", good with { MinimumSimilarity = double.NaN }, "-1 to 1"),
            ("an unknown type", good with { Types = [(MemoryType)9] }, "9"),
            ("a bad namespace", good with { Namespace = "a b" }, "'a b'"),
            ("an empty time range", good with { CreatedFrom = DateTimeOffset.UnixEpoch, CreatedBefore = DateTimeOffset.UnixEpoch }, "time range is empty"),
            ("a blank agent", good with { AgentId = " " }, "AgentId is blank"),
        ];
        return cases.Select(one => new TestCaseData(one.Query, one.Message).SetArgDisplayNames(one.Name));
    }

    [TestCaseSource(nameof(BadQueries))]
    public void A_bad_query_is_refused_with_its_value(MemoryQuery query, string message)
    {
        Assert.That(async () => await Store.SearchAsync(query), Throws.InstanceOf<ArgumentException>().With.Message.Contain(message));
        Assert.That(Embeddings.Embedded, Is.Empty);
    }

    [Test]
    public void Null_is_refused_by_name()
    {
        Assert.Multiple(() =>
        {
            Assert.That(async () => await Store.StoreAsync(null!), Throws.ArgumentNullException);
            Assert.That(async () => await Store.StoreManyAsync((IEnumerable<NewMemory>)null!), Throws.ArgumentNullException);
            Assert.That(async () => await Store.SearchAsync(null!), Throws.ArgumentNullException);
            Assert.That(async () => await Store.CountAsync(null!), Throws.ArgumentNullException);
            Assert.That(async () => await Store.DeleteManyAsync(null!), Throws.ArgumentNullException);
            Assert.That(async () => await Store.UpdateAsync(Guid.NewGuid(), null!), Throws.ArgumentNullException);
            Assert.That(async () => await Store.UpdateAsync(Guid.NewGuid(), new MemoryUpdate()), Throws.ArgumentException.With.Message.Contain("changes nothing"));
        });
    }

    [Test]
    public async Task Thousands_of_hostile_strings_are_data_everywhere()
    {
        var random = new Random(20261122);
        TestContext.Out.WriteLine("seed 20261122");
        var hostile = Enumerable.Range(0, 3000).Select(_ => HostileString(random)).Distinct().ToList();
        var stored = await Store.StoreManyAsync(hostile.Select((text, i) => new NewMemory($"{i} {text}", MemoryType.Rag)
        {
            Kind = text,
            AgentId = text,
            SessionId = text,
            WorkflowId = text,
            SourceSystem = text,
            Tags = [text],
            Metadata = new JsonObject { [text] = text, ["n"] = i },
        }));
        Assert.That(stored.Where(result => result.Outcome != StoreOutcome.Created), Is.Empty);

        foreach (var i in Enumerable.Range(0, 300).Select(_ => random.Next(hostile.Count)))
        {
            var text = hostile[i];
            var filter = new MemoryFilter
            {
                Kind = text,
                AgentId = text,
                SessionId = text,
                WorkflowId = text,
                SourceSystem = text,
                Tags = [text],
                Metadata = MetadataFilter.Field(text).EqualTo(text) & MetadataFilter.Field(text).In(text, "x") & MetadataFilter.Field(text).Exists(),
            };
            var found = await ToListAsync(Store.ListAsync(filter));
            Assert.That(found.Select(memory => memory.Id), Is.EqualTo(new[] { stored[i].Id }), text);
            await Store.SearchAsync(new MemoryQuery(text) { Tags = [text] });
        }

        Assert.That(await Store.CountAsync(new MemoryFilter()), Is.EqualTo(hostile.Count), "nothing was dropped or changed");
    }

    private static string HostileString(Random random)
    {
        string[] pieces =
        [
            "'", "\"", "\\", ";", "--", "/*", "*/", "$1", "$$", "@id", ":x", "{0}", "%s", "%", "_", "?", "`", "\t", "\n", "\r", "\u0001", "\u202e", "\ufeff",
            "' OR '1'='1", "'; DROP TABLE memories; --", "\") OR true --", "{\"a\":1}", "}}", "NULL", "true", "é", "🧠", "中文", "&", "|", "!", "<->", "a", "Z", "0",
            "search_document: ", "pg_sleep(10)", "\\u0000", "\\x00",
        ];
        return "h" + string.Concat(Enumerable.Range(0, random.Next(1, 8)).Select(_ => pieces[random.Next(pieces.Length)])) + random.Next(1_000_000);
    }

    private static JsonObject Parsed(string json) => (JsonObject)JsonNode.Parse(json)!;

    private static JsonObject Deep(int levels) =>
        Enumerable.Range(0, levels).Aggregate(new JsonObject(), (inner, _) => new JsonObject { ["a"] = inner });
}
