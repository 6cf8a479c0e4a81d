using System.Text.Json.Nodes;
using CsCheck;
using UnifiedMemory.Insights;

namespace UnifiedMemory.Tests.Insights;

/// <summary>What the default detector sees in texts.</summary>
public sealed class DetectorTests
{
    private readonly DelimitedInsightDetector _detector = new();

    [Test]
    public void Each_insight_between_its_delimiters_is_found()
    {
        var found = Find(Texts.With("The first insight of three, which is long enough.", "The second one,\n\nin two paragraphs and long enough.", "The third of them, long enough as well."));

        Assert.That(found, Is.EqualTo(new[]
        {
            "The first insight of three, which is long enough.", "The second one,\n\nin two paragraphs and long enough.", "The third of them, long enough as well.",
        }));
    }

    [TestCase("★ Insight ─────", "────────────────────", TestName = "without back-ticks, and with shorter rules")]
    [TestCase("  `★ Insight ─────────────────────────────────────", "  `─────────────────────────────────────────────────`", TestName = "indented, and without the closing back-tick of the opening")]
    [TestCase("`★ insight ─────────────────────────────────────`\r", "`─────────────────────────────────────────────────`\r", TestName = "with line ends of Windows")]
    public void The_delimiters_are_recognised(string opening, string closing) =>
        Assert.That(Find($"before\n{opening}\n{Texts.Good}\n{closing}\nafter"), Is.EqualTo(new[] { Texts.Good }));

    [TestCase("★ Insight", TestName = "a heading without a rule")]
    [TestCase("The ★ Insight ───── is written so", TestName = "in the middle of a line")]
    [TestCase("★ Insights ─────", TestName = "another word")]
    [TestCase("★ Insight ──── and more", TestName = "words behind the rule")]
    public void What_only_looks_like_an_opening_is_none(string line) => Assert.That(Find($"{line}\n{Texts.Good}\n{Texts.Closing}"), Is.Empty);

    [Test]
    public void One_that_is_not_closed_ends_with_the_text_or_at_the_next_one()
    {
        const string second = "Another insight that is long enough to be one.";

        Assert.That(Find($"{Texts.Opening}\n{Texts.Good}"), Is.EqualTo(new[] { Texts.Good }));
        Assert.That(Find($"{Texts.Opening}\n{Texts.Good}\n{Texts.Opening}\n{second}\n{Texts.Closing}"), Is.EqualTo(new[] { Texts.Good, second }));
        Assert.That(Find(Texts.Opening), Is.Empty);
    }

    [Test]
    public void A_shorter_rule_inside_belongs_to_the_insight()
    {
        var insight = $"First part of an insight\n{new string('─', 10)}\nsecond part of it";

        Assert.That(Find(Texts.Delimited(insight)), Is.EqualTo(new[] { insight }));
        Assert.That(Find($"{new string('─', 49)}\n{Texts.Delimited(Texts.Good)}\n{Texts.Closing}"), Is.EqualTo(new[] { Texts.Good }), "rules outside mean nothing");
    }

    [TestCase(29, 0)]
    [TestCase(30, 1)]
    [TestCase(10_000, 1)]
    [TestCase(10_001, 0)]
    public void It_has_30_to_10_000_characters(int length, int found) => Assert.That(Find(Texts.Delimited(new string('x', length))), Has.Exactly(found).Items);

    [TestCase("A text that says nothing at all.", InsightType.General, 0.3)]
    [TestCase("A text that says nothing at all, at a length that helps.", InsightType.General, 0.4)]
    [TestCase("Always keep it short, whatever it is that you are writing.", InsightType.General, 0.6)]
    [TestCase("Watch out: this is a common mistake of those who hurry.", InsightType.Gotcha, 0.4)]
    [TestCase("You should avoid the thing that everybody has always done.", InsightType.BestPractice, 0.7)]
    [TestCase("The strategy pattern separates what varies from what stays.", InsightType.Pattern, 0.6)]
    [TestCase("Use layers: a database transaction, a test of the API, and security.", InsightType.Architecture, 1.0)]
    public void Type_and_confidence_follow_the_documented_formula(string text, InsightType type, double confidence)
    {
        var insight = _detector.Describe(new NewMemory(text, MemoryType.Insight));

        Assert.That((insight.Type, insight.Confidence), Is.EqualTo((type, confidence)));
    }

    [Test]
    public void Words_count_as_words()
    {
        var insight = _detector.Describe(new NewMemory("The entry of the country was hastily misused by a latest prototype.", MemoryType.Insight));

        Assert.That(insight.Topics, Is.Empty, "no try in entry, no test in latest, no type in prototype");
        Assert.That(_detector.Describe(new NewMemory("Queries and tests", MemoryType.Insight)).Topics, Is.EqualTo(new[] { "testing" }));
    }

    [Test]
    public void Projects_come_from_metadata_and_tags()
    {
        var insight = _detector.Describe(new NewMemory("text", MemoryType.Insight)
        {
            Metadata = new JsonObject { ["project"] = "a", ["projects"] = new JsonArray("b", "a", 5, "", new JsonArray("c")) },
            Tags = ["x", "project:d", "project:"],
        });

        Assert.That(insight.Projects, Is.EqualTo(new[] { "a", "b", "c", "d" }));
    }

    [Test]
    public void No_text_makes_it_throw_and_the_limits_hold()
    {
        string[] pieces = [Texts.Opening, Texts.Closing, "★", "★ Insight ", "─", "`", "\n", "\r\n", "`★ Insight ───", "\ud83e", "\0", Texts.Good, new string('─', 25), " "];
        var text = Gen.OneOf(Gen.Int[0, pieces.Length - 1].Select(i => pieces[i]), Gen.String[0, 80], Gen.Const("\n")).Array[0, 60].Select(string.Concat);

        text.Sample(
            sample =>
            {
                foreach (var insight in _detector.Find(new NewMemory(sample, MemoryType.Rag)))
                {
                    Assert.That(insight.Content.Length, Is.InRange(30, 10_000));
                    Assert.That(insight.Confidence, Is.InRange(0.3, 1));
                    Assert.That(sample, Does.Contain(insight.Content));
                    Assert.That(insight.Content.Trim(), Is.EqualTo(insight.Content));
                    Assert.That(insight.Topics, Is.Unique);
                }
            },
            iter: 20_000);
    }

    [Test]
    public void Insights_that_are_written_are_found_whatever_stands_between_them()
    {
        var insight = Gen.Char['a', 'z'].Array[30, 200].Select(characters => new string(characters));
        var between = Gen.Char['A', 'Z'].Array[0, 50].Select(characters => new string(characters));

        Gen.Select(insight.Array[0, 8], between).Sample((insights, words) =>
            Assert.That(
                DelimitedText.InsightsIn(words + "\n" + string.Join($"\n{words}\n", insights.Select(Texts.Delimited)) + "\n" + words), Is.EqualTo(insights)));
    }

    private List<string> Find(string text) => [.. _detector.Find(new NewMemory(text, MemoryType.Rag)).Select(insight => insight.Content)];
}
