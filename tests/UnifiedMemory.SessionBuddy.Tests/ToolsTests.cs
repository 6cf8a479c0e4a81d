using Microsoft.Extensions.Logging;
using UnifiedMemory.SessionBuddy;

namespace UnifiedMemory.Tests.SessionBuddy;

/// <summary>Servers with other tools than both of Session-Buddy's.</summary>
public sealed class ToolsTests : SinkFixture
{
    [Test]
    public async Task Another_server_at_the_address_gets_nothing_and_Session_Buddy_in_its_place_does()
    {
        await ReplaceAsync(tools: ["something_else"]);

        var delivery = await Sink.DeliverAsync(NewInsight(), default);
        Assert.That(delivery.Outcome, Is.EqualTo(InsightOutcome.Unavailable));
        Assert.That(delivery.Reason, Does.Contain("has no tool store_reflection"));

        await Server.StopAsync();
        Server.Tools = ["store_reflection", "quick_search"];
        await Server.StartAgainAsync();
        Assert.That(await Sink.DeliverAsync(NewInsight(), default), Is.EqualTo(InsightDelivery.Delivered));
    }

    [Test]
    public async Task Where_quick_search_is_missing_search_summary_is_asked()
    {
        await ReplaceAsync(tools: ["store_reflection", "search_summary"]);
        var insight = NewInsight("Never show 'No results found' while a search still runs.");
        await Sink.DeliverAsync(insight, default);

        Assert.That(await Sink.DeliverAsync(insight with { Attempt = 2 }, default), Is.EqualTo(InsightDelivery.Delivered));
        Assert.That((Server.Stored.Count, Server.Searches), Is.EqualTo((1, 2)), "found, and no part of a longer text");
        Assert.That(await Sink.DeliverAsync(NewInsight() with { Attempt = 2 }, default), Is.EqualTo(InsightDelivery.Delivered));
        Assert.That((Server.Stored.Count, Server.Searches), Is.EqualTo((2, 3)), "one that had not arrived is sent");
    }

    [Test]
    public async Task Where_nothing_finds_a_tag_a_further_try_is_sent_and_that_is_said_once()
    {
        await ReplaceAsync(tools: ["store_reflection"]);
        var lines = new List<string>();
        using var loggers = LoggerFactory.Create(logging => logging.AddProvider(new ListLogger(lines)));
        await using var sink = new SessionBuddySink(new SessionBuddyOptions { Endpoint = Server.Endpoint }, loggers);

        for (var attempt = 1; attempt <= 3; attempt++)
            Assert.That(await sink.DeliverAsync(NewInsight() with { Attempt = attempt }, default), Is.EqualTo(InsightDelivery.Delivered));

        Assert.That(lines.Count(line => line.Contains("has no tool that finds a tag", StringComparison.Ordinal)), Is.EqualTo(1));
        Assert.That(Server.Sessions, Is.EqualTo(2), "the tools are read again after a try that could not look");
    }
}
