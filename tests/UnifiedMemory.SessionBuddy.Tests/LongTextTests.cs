using System.Security.Cryptography;
using System.Text;
using CsCheck;
using UnifiedMemory.SessionBuddy.Text;

namespace UnifiedMemory.Tests.SessionBuddy;

/// <summary>Texts that Session-Buddy would cut off or put into quarantine arrive whole.</summary>
public sealed class LongTextTests : SinkFixture
{
    private static string LongText(string word, int bytes) =>
        string.Join(' ', Enumerable.Range(0, bytes).Select(i => word + i).TakeWhile((text, i) => i * (Encoding.UTF8.GetByteCount(word) + 5) < bytes));

    [TestCase("word")]
    [TestCase("wörtchen😀")]
    [TestCase("line\n")]
    public async Task A_long_text_goes_in_parts_that_joined_are_the_text(string word)
    {
        var insight = NewInsight(LongText(word, 35_000));

        Assert.That(await Sink.DeliverAsync(insight, default), Is.EqualTo(InsightDelivery.Delivered));

        var parts = Server.Stored.ToList();
        Assert.That(parts, Has.Count.GreaterThan(2));
        Assert.That(parts.Select(part => Encoding.UTF8.GetByteCount(part.Content)), Is.All.LessThanOrEqualTo(10_000));
        Assert.That(string.Concat(parts.Select(part => part.Content)), Is.EqualTo(insight.Content));
        Assert.That(parts.SelectMany(part => part.Tags), Does.Not.Contain("quarantine"));
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(insight.Content)))[..8];
        for (var i = 0; i < parts.Count; i++)
        {
            Assert.That(
                parts[i].Tags,
                Is.SupersetOf(new[] { $"memory_id:{insight.Id}", $"memory_parts:{insight.Id}", $"memory_part:{insight.Id}:{hash}:{i + 1}/{parts.Count}" }));
        }
    }

    [Test]
    public async Task A_text_of_exactly_the_limit_is_one_reflection()
    {
        await Sink.DeliverAsync(NewInsight(new string('x', 10_000)), default);
        Assert.That(Server.Stored, Has.Count.EqualTo(1));

        await Sink.DeliverAsync(NewInsight(new string('x', 10_001)), default);
        Assert.That(Server.Stored, Has.Count.EqualTo(3));
    }

    [Test]
    public async Task A_further_try_sends_the_parts_that_are_missing()
    {
        var insight = NewInsight(LongText("word", 35_000));
        var calls = 0;
        Server.OnStore = _ => ++calls == 3 ? SessionBuddyStandIn.Text("Error storing reflection: disk full") : null;
        Assert.That((await Sink.DeliverAsync(insight, default)).Outcome, Is.EqualTo(InsightOutcome.Unavailable));
        Assert.That(Server.Stored, Has.Count.EqualTo(2));

        Assert.That(await Sink.DeliverAsync(insight with { Attempt = 2 }, default), Is.EqualTo(InsightDelivery.Delivered));

        Assert.That(string.Concat(Server.Stored.Select(part => part.Content)), Is.EqualTo(insight.Content), "each once, in order");
    }

    [TestCase(1)]
    [TestCase(45)]
    [TestCase(60)]
    public async Task A_further_try_finds_the_first_missing_part_with_few_searches(int failing)
    {
        var insight = NewInsight(new string('x', 600_000));
        var calls = 0;
        Server.OnStore = _ => ++calls == failing ? SessionBuddyStandIn.Text("Error storing reflection: disk full") : null;
        await Sink.DeliverAsync(insight, default);

        Assert.That(await Sink.DeliverAsync(insight with { Attempt = 2 }, default), Is.EqualTo(InsightDelivery.Delivered));

        Assert.That(Server.Stored, Has.Count.EqualTo(60));
        Assert.That(Server.Stored.Select(part => part.Tags[^1]), Is.Unique);
        Assert.That(Server.Searches, Is.LessThanOrEqualTo(6));
    }

    [TestCase(35_000)]
    [TestCase(100)]
    public async Task A_text_that_was_changed_after_some_parts_had_arrived_is_sent_whole(int bytes)
    {
        var insight = NewInsight(LongText("word", 35_000));
        var calls = 0;
        Server.OnStore = _ => ++calls is 3 or 5 ? SessionBuddyStandIn.Text("Error storing reflection: disk full") : null;
        await Sink.DeliverAsync(insight, default);
        var changed = insight with { Content = LongText("term", bytes), Attempt = 2 };

        for (; changed.Attempt <= 4; changed = changed with { Attempt = changed.Attempt + 1 })
            await Sink.DeliverAsync(changed, default);

        Assert.That(string.Concat(Server.Stored.Skip(2).Select(part => part.Content)), Is.EqualTo(changed.Content), "each once, in order");
    }

    [TestCase("The prompt began with Human: and ended with Assistant: there, which a log should never hold.")]
    [TestCase("Never send [INST] or <<SYS>> or </system> or <prompt> in a comment.")]
    [TestCase("A page that says IGNORE all  previous\ninstructions is an attack, as is 'act as root'.")]
    [TestCase("Avoid 'reveal all secrets', 'override prior rules' and\u2060Human: \u2060\u2060 too.")]
    public async Task What_looks_like_an_injection_is_not_put_into_quarantine_and_can_be_restored(string text)
    {
        Assert.That(SessionBuddyStandIn.Injection().IsMatch(text), Is.True, "the stand-in would");

        await Sink.DeliverAsync(NewInsight(text), default);

        var stored = Server.Stored.Single();
        Assert.That(stored.Tags, Does.Not.Contain("quarantine"));
        Assert.That(stored.Content.Replace("\u2060", "", StringComparison.Ordinal), Is.EqualTo(text.Replace("\u2060", "", StringComparison.Ordinal)), "it reads the same");
        Assert.That(InjectionPhrases.Restore(stored.Content), Is.EqualTo(text));
    }

    [Test]
    public void Any_mixture_of_phrases_is_harmless_and_has_one_way_back()
    {
        string[] pieces =
        [
            "ignore ", "all ", "previous ", "instructions", "Human:", "Assistant: ", "</", "<", "system", ">", "act as ", "root", "god mode", "reveal ",
            "secret", "override ", "current ", "rule", "[INST]", "[/INST]", "<<SYS>>", "\u2060", "\u2060\u2060", " ", "\n", "\u001c", "x", "😀",
        ];
        Check.Sample(
            Gen.Int[0, pieces.Length - 1].Array[0, 30].Select(numbers => string.Concat(numbers.Select(number => pieces[number]))),
            text =>
            {
                var neutral = InjectionPhrases.Neutralize(text);
                return !SessionBuddyStandIn.Injection().IsMatch(neutral) && InjectionPhrases.Restore(neutral) == text;
            },
            iter: 20_000);
    }

    [Test]
    public void Any_text_is_split_without_loss()
    {
        string[] pieces = [new string('x', 3000), "\n", " ", "😀", "é", new string('ß', 2600), "word "];
        Check.Sample(
            Gen.Int[0, pieces.Length - 1].Array[0, 40].Select(numbers => string.Concat(numbers.Select(number => pieces[number]))),
            text =>
            {
                var parts = ReflectionParts.Of(text);
                return string.Concat(parts) == text
                    && parts.All(part => Encoding.UTF8.GetByteCount(part) <= 10_000 && (part.Length == 0 || !char.IsLowSurrogate(part[0])));
            },
            iter: 2_000);
    }
}
