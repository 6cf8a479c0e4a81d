using System.Text.Json.Nodes;

namespace UnifiedMemory.Tests.Searching;

public sealed class MetadataFilterTests : StoreFixture
{
    private static readonly JsonObject Metadata = new()
    {
        ["language"] = "csharp",
        ["lines"] = 120,
        ["ratio"] = -0.5,
        ["open"] = true,
        ["nothing"] = null,
        ["labels"] = new JsonArray("a", "b"),
        ["author"] = new JsonObject { ["name"] = "Ada", ["age"] = 36 },
        ["day"] = "2026-03-01",
        ["instant"] = "2026-03-01T12:00:00.250Z",
        ["local"] = "2026-03-01 12:00+02:00",
        ["no such day"] = "2026-02-31",
        ["text"] = "not a date",
        ["number text"] = "120",
        ["microseconds"] = 1735689600123456,
        ["foreign digits"] = "2\u066026-03-01",
        ["quote\"s 'n $dollars"] = "x' OR 1=1 --",
    };

    public static IEnumerable<TestCaseData> Cases()
    {
        static MetadataField F(params string[] path) => MetadataFilter.Field(path);
        static DateTimeOffset T(string text) => DateTimeOffset.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
        (string Name, MetadataFilter Filter, bool Matches)[] cases =
        [
            ("equal string", F("language").EqualTo("csharp"), true),
            ("equal string, other value", F("language").EqualTo("java"), false),
            ("equal string is not a prefix match", F("language").EqualTo("csh"), false),
            ("equal number", F("lines").EqualTo(120), true),
            ("equal number in another form", F("lines").EqualTo(120.0), true),
            ("equal number is not its text", F("lines").EqualTo("120"), false),
            ("equal boolean", F("open").EqualTo(true), true),
            ("equal null", F("nothing").EqualTo(null), true),
            ("equal null on a missing field", F("missing").EqualTo(null), false),
            ("equal array", F("labels").EqualTo(new JsonArray("a", "b")), true),
            ("equal array wants the whole array", F("labels").EqualTo(new JsonArray("a")), false),
            ("equal object wants the whole object", F("author").EqualTo(new JsonObject { ["name"] = "Ada" }), false),
            ("equal nested", F("author", "name").EqualTo("Ada"), true),
            ("equal element of an array", F("labels", "1").EqualTo("b"), true),
            ("equal with a hostile name and value", F("quote\"s 'n $dollars").EqualTo("x' OR 1=1 --"), true),
            ("in", F("language").In("java", "csharp"), true),
            ("in, not there", F("language").In("java", "go"), false),
            ("in nothing", F("language").In(), false),
            ("in with mixed types", F("lines").In("120", 120), true),
            ("exists", F("open").Exists(), true),
            ("exists with null", F("nothing").Exists(), true),
            ("exists nested", F("author", "age").Exists(), true),
            ("exists, missing", F("author", "height").Exists(), false),
            ("greater", F("lines").GreaterThan(119.5), true),
            ("greater, equal", F("lines").GreaterThan(120), false),
            ("at least, equal", F("lines").AtLeast(120), true),
            ("less, negative", F("ratio").LessThan(0), true),
            ("at most, equal", F("ratio").AtMost(-0.5), true),
            ("at least, all sixteen digits", F("microseconds").AtLeast(1735689600123456), true),
            ("greater, all sixteen digits", F("microseconds").GreaterThan(1735689600123455), true),
            ("digits of another script are no date", F("foreign digits").GreaterThan(T("2000-01-01T00:00:00Z")), false),
            ("compare text with a number", F("number text").GreaterThan(0), false),
            ("compare a missing field", F("missing").GreaterThan(0), false),
            ("compare nested", F("author", "age").LessThan(40), true),
            ("date after", F("day").GreaterThan(T("2026-02-28T23:59:59Z")), true),
            ("date without time is midnight in UTC", F("day").AtMost(T("2026-03-01T00:00:00Z")), true),
            ("instant with a fraction", F("instant").GreaterThan(T("2026-03-01T12:00:00.249Z")), true),
            ("instant with a fraction, before", F("instant").LessThan(T("2026-03-01T12:00:00.250Z")), false),
            ("local time with an offset", F("local").AtMost(T("2026-03-01T10:00:00Z")), true),
            ("local time with an offset, at least", F("local").AtLeast(T("2026-03-01T10:00:01Z")), false),
            ("a day that no calendar has is no error", F("no such day").GreaterThan(T("2026-04-01T00:00:00Z")), false),
            ("text is no date", F("text").GreaterThan(T("2000-01-01T00:00:00Z")), false),
            ("a number is no date", F("lines").GreaterThan(T("2000-01-01T00:00:00Z")), false),
            ("and", F("open").EqualTo(true) & F("lines").EqualTo(120), true),
            ("and, one false", F("open").EqualTo(true) & F("lines").EqualTo(1), false),
            ("or", F("open").EqualTo(false) | F("lines").EqualTo(120), true),
            ("or, both false", F("open").EqualTo(false) | F("lines").EqualTo(1), false),
            ("not", !F("open").EqualTo(false), true),
            ("not of a condition on a missing field", !F("missing").GreaterThan(1), true),
            ("not of and", !(F("open").EqualTo(true) & F("lines").EqualTo(120)), false),
            ("all of none", MetadataFilter.All(), true),
            ("any of none", MetadataFilter.Any(), false),
        ];
        return cases.Select(one => new TestCaseData(one.Filter, one.Matches).SetArgDisplayNames(one.Name));
    }

    [TestCaseSource(nameof(Cases))]
    public async Task A_condition_means_what_it_says(MetadataFilter filter, bool matches)
    {
        await Store.StoreAsync(new NewMemory("angle 0", MemoryType.Rag) { Metadata = (JsonObject)Metadata.DeepClone() });

        Assert.That(await Store.CountAsync(new MemoryFilter { Metadata = filter }), Is.EqualTo(matches ? 1 : 0));
        Assert.That(await Store.SearchAsync(new MemoryQuery("angle 0") { Metadata = filter }), Has.Count.EqualTo(matches ? 1 : 0));
    }

    [Test]
    public async Task As_many_conditions_as_are_allowed_are_answered_and_more_are_refused()
    {
        static MetadataFilter[] Conditions(int count) => [.. Enumerable.Range(0, count).Select(i => MetadataFilter.Field("lines").GreaterThan(i))];
        await Store.StoreAsync(new NewMemory("angle 0", MemoryType.Rag) { Metadata = (JsonObject)Metadata.DeepClone() });

        var most = MetadataFilter.Any(Conditions(500)) & !MetadataFilter.All(Conditions(500));
        Assert.That(await Store.CountAsync(new MemoryFilter { Metadata = most }), Is.EqualTo(1));
        Assert.That(
            () => most | MetadataFilter.Field("lines").Exists(),
            Throws.ArgumentException.With.Message.Contain("1,000 conditions; this one has 1,001").And.Message.Contain("Use In"));
    }

    [Test]
    public void A_condition_that_is_null_is_refused_by_name()
    {
        var condition = MetadataFilter.Field("a").Exists();
        Assert.Multiple(() =>
        {
            Assert.That(() => MetadataFilter.All(null!), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("filters"));
            Assert.That(() => MetadataFilter.All(condition, null!), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("filters"));
            Assert.That(() => MetadataFilter.Any(null!, condition), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("filters"));
            Assert.That(() => MetadataFilter.Not(null!), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("filter"));
        });
    }

    [Test]
    public void A_filter_that_makes_no_sense_is_refused_with_the_value()
    {
        Assert.Multiple(() =>
        {
            Assert.That(() => MetadataFilter.Field(), Throws.ArgumentException.With.Message.Contain("this one has 0"));
            Assert.That(() => MetadataFilter.Field("a\0b"), Throws.ArgumentException.With.Message.Contain("U+0000 at index 1"));
            Assert.That(() => MetadataFilter.Field("a").GreaterThan(double.NaN), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contain("NaN"));
            Assert.That(() => MetadataFilter.Field("a").In([.. Enumerable.Range(0, 1001).Select(i => (JsonNode?)i)]), Throws.ArgumentException.With.Message.Contain("1001"));
            Assert.That(
                () => MetadataFilter.Field([.. Enumerable.Repeat("a", 16)]).EqualTo(Enumerable.Range(0, 50).Aggregate(new JsonArray(), (inner, _) => new JsonArray(inner))),
                Throws.ArgumentException.With.Message.Contain("depth of 64"));
            Assert.That(
                () => Enumerable.Range(0, 10_000).Aggregate(MetadataFilter.Field("a").Exists(), (filter, _) => !filter),
                Throws.ArgumentException.With.Message.Contain("64 levels"));
        });
    }
}
