using Microsoft.Extensions.Time.Testing;

namespace UnifiedMemory.Tests.SessionBuddy;

/// <summary>Insights on their way to a running Session-Buddy, and what it answers.</summary>
public sealed class DeliveringTests : SinkFixture
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Test]
    public async Task An_insight_arrives_with_the_tags_of_the_contract()
    {
        var insight = NewInsight();

        Assert.That(await Sink.DeliverAsync(insight, default), Is.EqualTo(InsightDelivery.Delivered));

        var stored = Server.Stored.Single();
        Assert.That(stored.Content, Is.EqualTo(insight.Content));
        Assert.That(stored.Project, Is.Null, "this store_reflection does not take one");
        Assert.That(stored.Tags, Is.EqualTo(new[]
        {
            "mahavishnu_insights", "insight", "type:best_practice", "project:shop", "project:billing", "topic:outbox", "topic:postgres",
            "confidence:0.80", $"memory_id:{insight.Id}",
        }));
        Assert.That(Server.Searches, Is.Zero, "the first try does not look");
    }

    [Test]
    public async Task The_project_is_sent_where_the_tool_takes_it_and_only_one_that_it_takes()
    {
        await ReplaceAsync(takesProject: true);

        Assert.That((await Sink.DeliverAsync(NewInsight(), default)).Outcome, Is.EqualTo(InsightOutcome.Delivered));
        Assert.That((await Sink.DeliverAsync(NewInsight() with { Projects = ["café au lait", "x/y"] }, default)).Outcome, Is.EqualTo(InsightOutcome.Delivered));
        Assert.That((await Sink.DeliverAsync(NewInsight() with { Projects = [] }, default)).Outcome, Is.EqualTo(InsightOutcome.Delivered));

        Assert.That(Server.Stored.Select(stored => stored.Project), Is.EqualTo(new[] { "shop", null, null }));
        Assert.That(Server.Stored.ElementAt(1).Tags, Does.Contain("project:café au lait"));
    }

    [TestCase("💾 Reflection stored successfully!\n📝 Content: x\n🏷️  Tags: a")]
    [TestCase("✅ Reflection stored successfully with ID: 01J0000000000000000000000 (tags: a)")]
    [TestCase("REFLECTION STORED SUCCESSFULLY")]
    [TestCase("\n  reflection Stored Successfully")]
    public async Task Every_text_of_success_is_one(string text)
    {
        Server.SuccessText = _ => text;

        Assert.That(await Sink.DeliverAsync(NewInsight(), default), Is.EqualTo(InsightDelivery.Delivered));
    }

    [TestCase("Error storing reflection: no space left", false, InsightOutcome.Unavailable)]
    [TestCase("❌ Store reflection failed: database is locked", false, InsightOutcome.Unavailable)]
    [TestCase("❌ Error storing reflection: 'it was stored successfully' is no JSON", false, InsightOutcome.Unavailable)]
    [TestCase("Error storing reflection: SECRET was stored successfully", false, InsightOutcome.Unavailable)]
    [TestCase("Reflection was refused because of its content:\nSECRET was stored successfully", false, InsightOutcome.Unavailable)]
    [TestCase("❌ Store reflection not available. Install dependencies", false, InsightOutcome.Unavailable)]
    [TestCase("Reflection stored successfully", true, InsightOutcome.Unavailable)]
    [TestCase("", false, InsightOutcome.Unavailable)]
    [TestCase("OK", false, InsightOutcome.Unavailable)]
    [TestCase("❌ Validation error: content is SECRET", false, InsightOutcome.Refused)]
    [TestCase("❌ Store reflection validation error: content is SECRET", false, InsightOutcome.Refused)]
    [TestCase("1 validation error for call[store_reflection]: SECRET is no list", true, InsightOutcome.Unavailable)]
    [TestCase("Memory guard blocked write: rule=protected_key_tampering", true, InsightOutcome.Refused)]
    public async Task Every_other_text_is_a_failure_and_no_reason_repeats_it(string text, bool isError, InsightOutcome expected)
    {
        Server.OnStore = _ => SessionBuddyStandIn.Text(text, isError);

        var delivery = await Sink.DeliverAsync(NewInsight(), default);

        Assert.That(delivery.Outcome, Is.EqualTo(expected));
        Assert.That(delivery.Reason, Is.Not.Empty.And.Not.Contain("SECRET"));
    }

    [Test]
    public async Task An_answer_without_any_content_is_a_failure()
    {
        Server.OnStore = _ => new ModelContextProtocol.Protocol.CallToolResult { Content = [] };

        Assert.That((await Sink.DeliverAsync(NewInsight(), default)).Outcome, Is.EqualTo(InsightOutcome.Unavailable));
    }

    [Test]
    public async Task Redaction_by_the_other_side_is_no_failure()
    {
        Assert.That((await Sink.DeliverAsync(NewInsight("Always write to ops@example.com first, never to me."), default)).Outcome, Is.EqualTo(InsightOutcome.Delivered));

        Assert.That(Server.Stored.Single().Content, Does.Contain("[REDACTED-EMAIL]"));
    }

    [Test]
    public async Task A_further_try_looks_first_and_sends_nothing_twice()
    {
        var insight = NewInsight();
        await Sink.DeliverAsync(insight, default);

        Assert.That((await Sink.DeliverAsync(insight with { Attempt = 2 }, default)).Outcome, Is.EqualTo(InsightOutcome.Delivered));
        Assert.That((Server.Stored.Count, Server.Searches), Is.EqualTo((1, 2)), "found, and no part of a longer text");

        Assert.That((await Sink.DeliverAsync(NewInsight() with { Attempt = 2 }, default)).Outcome, Is.EqualTo(InsightOutcome.Delivered));
        Assert.That((Server.Stored.Count, Server.Searches), Is.EqualTo((2, 3)), "one that had not arrived is sent");
    }

    [Test]
    public async Task An_insight_that_speaks_of_no_results_is_found()
    {
        var insight = NewInsight("Never show 'No results found' while a search still runs.");
        Server.AbortAfterStoring = 1;

        Assert.That(await Sink.DeliverAsync(insight, default), Is.EqualTo(InsightDelivery.Delivered));
        Assert.That(await Sink.DeliverAsync(insight with { Attempt = 2 }, default), Is.EqualTo(InsightDelivery.Delivered));

        Assert.That(Server.Stored, Has.Count.EqualTo(1));
    }

    [TestCase("❌ Quick search failed: database is locked")]
    [TestCase("Something new")]
    public async Task Nothing_is_sent_while_it_is_not_known_whether_it_is_there(string answer)
    {
        Server.SearchText = answer;

        Assert.That((await Sink.DeliverAsync(NewInsight() with { Attempt = 2 }, default)).Outcome, Is.EqualTo(InsightOutcome.Unavailable));
        Assert.That(Server.Stored, Is.Empty);
    }

    [Test]
    public async Task Deliveries_at_once_share_one_session()
    {
        var deliveries = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => Sink.DeliverAsync(NewInsight(), default)));

        Assert.That(deliveries, Is.All.EqualTo(InsightDelivery.Delivered));
        Assert.That((Server.Stored.Count, Server.Sessions), Is.EqualTo((40, 1)));
    }

    [Test]
    public async Task A_server_that_hangs_is_waited_for_until_the_time_out_and_the_next_try_looks()
    {
        var time = new FakeTimeProvider();
        await using var sink = NewSink(options => options.CallTimeout = TimeSpan.FromSeconds(20), time);
        var insight = NewInsight();
        Server.Hold();
        var hanging = sink.DeliverAsync(insight, default);
        await Server.ArrivedAsync();
        time.Advance(TimeSpan.FromSeconds(19));
        Assert.That(hanging.IsCompleted, Is.False);
        time.Advance(TimeSpan.FromSeconds(2));

        var delivery = await hanging.WaitAsync(Patience);
        Assert.That(delivery.Outcome, Is.EqualTo(InsightOutcome.Unavailable));
        Assert.That(delivery.Reason, Does.Contain("time-out"));

        Server.Release();
        await Eventually.TrueAsync(() => Server.Stored.Count == 1, "what hung is stored after all");
        Assert.That((await sink.DeliverAsync(insight with { Attempt = 2 }, default)).Outcome, Is.EqualTo(InsightOutcome.Delivered));
        Assert.That(Server.Stored, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task What_was_not_answered_is_not_tried_again_while_the_server_may_be_at_work_on_it()
    {
        var time = new FakeTimeProvider();
        await using var sink = NewSink(options => options.CallTimeout = TimeSpan.FromSeconds(20), time);
        Server.Hold();
        var storing = sink.DeliverAsync(NewInsight(), default);
        await Server.ArrivedAsync();
        var searching = sink.DeliverAsync(NewInsight() with { Attempt = 2 }, default);
        await Server.ArrivedAsync();

        time.Advance(TimeSpan.FromSeconds(21));

        Assert.That((await storing.WaitAsync(Patience)).RetryAfter, Is.EqualTo(TimeSpan.FromSeconds(40)), "three time-outs in all");
        Assert.That((await searching.WaitAsync(Patience)).RetryAfter, Is.EqualTo(TimeSpan.Zero), "nothing was sent");
    }

    [Test]
    public async Task What_was_answered_with_a_failure_can_be_tried_again_at_once()
    {
        Server.OnStore = _ => SessionBuddyStandIn.Text("Error storing reflection: disk full");

        Assert.That((await Sink.DeliverAsync(NewInsight(), default)).RetryAfter, Is.EqualTo(TimeSpan.Zero));
    }

    [Test]
    public async Task When_the_part_that_was_not_answered_has_arrived_the_next_is_sent_at_once()
    {
        var time = new FakeTimeProvider();
        await using var sink = NewSink(options => options.CallTimeout = TimeSpan.FromSeconds(20), time);
        var insight = NewInsight(string.Concat(Enumerable.Repeat("word ", 5_000)));
        Server.Hold("store_reflection");
        var hanging = sink.DeliverAsync(insight, default);
        await Server.ArrivedAsync();
        time.Advance(TimeSpan.FromSeconds(21));
        await hanging.WaitAsync(Patience);
        Server.Release();
        await Eventually.TrueAsync(() => Server.Stored.Count == 1, "the first part has arrived");

        Assert.That(await sink.DeliverAsync(insight with { Attempt = 2 }, default).WaitAsync(Patience), Is.EqualTo(InsightDelivery.Delivered));

        Assert.That(string.Concat(Server.Stored.Select(part => part.Content)), Is.EqualTo(insight.Content), "each once, in order");
    }

    [Test]
    public async Task The_caller_can_end_a_try()
    {
        using var cancelled = new CancellationTokenSource();
        Server.Hold();
        var hanging = Sink.DeliverAsync(NewInsight(), cancelled.Token);
        await Server.ArrivedAsync();

        await cancelled.CancelAsync();

        Assert.That(async () => await hanging.WaitAsync(Patience), Throws.InstanceOf<OperationCanceledException>());
    }
}
