using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using UnifiedMemory.SessionBuddy;

namespace UnifiedMemory.Tests.SessionBuddy;

/// <summary>The file steps in while Session-Buddy is down, and that is said.</summary>
[NonParallelizable]
public sealed class FallbackTests : SinkFixture
{
    [Test]
    public async Task The_file_is_used_while_nobody_listens_and_the_server_when_it_is_back()
    {
        using var file = new ReflectionDatabase(FileLayouts.Current);
        var lines = new List<string>();
        using var loggers = LoggerFactory.Create(logging => logging.AddProvider(new ListLogger(lines)));
        var ways = new ConcurrentQueue<string>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Name == "UnifiedMemory.SessionBuddy")
                    self.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((_, _, tags, _) => ways.Enqueue(string.Join(' ', tags.ToArray().Select(tag => tag.Value))));
        listener.Start();
        await using var sink = new SessionBuddySink(
            new SessionBuddyOptions { Endpoint = Server.Endpoint, FileUse = SessionBuddyFileUse.WhenServerIsDown, FilePath = file.Path }, loggers);
        await Server.StopAsync();

        Assert.That(await sink.DeliverAsync(NewInsight(), default), Is.EqualTo(InsightDelivery.Delivered));
        Assert.That(await sink.DeliverAsync(NewInsight(), default), Is.EqualTo(InsightDelivery.Delivered));
        await Server.StartAgainAsync();
        Assert.That(await sink.DeliverAsync(NewInsight(), default), Is.EqualTo(InsightDelivery.Delivered));

        Assert.That(file.Single<long>("SELECT count(*) FROM reflections_v2"), Is.EqualTo(2));
        Assert.That(Server.Stored, Has.Count.EqualTo(1));
        Assert.That(ways, Is.EqualTo(new[] { "server Unavailable", "file Delivered", "server Unavailable", "file Delivered", "server Delivered" }));
        Assert.That(lines.Count(line => line.Contains("insights go into the file", StringComparison.Ordinal)), Is.EqualTo(1), "said once");
        Assert.That(lines.Count(line => line.Contains("is back: insights go there again", StringComparison.Ordinal)), Is.EqualTo(1));
        Assert.That(lines, Has.None.Contains("transaction"), "no content");
    }

    [Test]
    public async Task What_was_under_way_to_a_server_that_died_is_in_the_file_once()
    {
        using var file = new ReflectionDatabase(FileLayouts.Current);
        await using var sink = NewSink(options => (options.FileUse, options.FilePath) = (SessionBuddyFileUse.WhenServerIsDown, file.Path));
        var insight = NewInsight();
        Server.Hold();
        var delivery = sink.DeliverAsync(insight, default);
        await Server.ArrivedAsync();
        file.Execute($"INSERT INTO reflections_v2 (id, content, category, tags) VALUES ('01J', 'x', 'context', ['memory_id:{insight.Id}'])");
        await Server.StopAsync();

        Assert.That(await delivery.WaitAsync(TimeSpan.FromSeconds(30)), Is.EqualTo(InsightDelivery.Delivered));
        Assert.That(file.Single<long>("SELECT count(*) FROM reflections_v2"), Is.EqualTo(1));
    }

    [Test]
    public async Task A_part_that_the_server_stored_before_it_died_is_not_the_insight()
    {
        using var file = new ReflectionDatabase(FileLayouts.Current);
        await using var sink = NewSink(options => (options.FileUse, options.FilePath) = (SessionBuddyFileUse.WhenServerIsDown, file.Path));
        var insight = NewInsight(string.Concat(Enumerable.Repeat("word ", 3_000)));
        var calls = 0;
        Server.OnStore = _ => ++calls == 2 ? SessionBuddyStandIn.Text("Error storing reflection: disk full") : null;
        Assert.That((await sink.DeliverAsync(insight, default)).Outcome, Is.EqualTo(InsightOutcome.Unavailable));
        var tags = string.Join("', '", Server.Stored.Single().Tags);
        file.Execute($"INSERT INTO reflections_v2 (id, content, category, tags) VALUES ('01J', 'x', 'context', ['{tags}'])");
        await Server.StopAsync();

        for (var attempt = 2; attempt <= 3; attempt++)
            Assert.That(await sink.DeliverAsync(insight with { Attempt = attempt }, default), Is.EqualTo(InsightDelivery.Delivered));

        Assert.That(file.Single<string>("SELECT content FROM reflections_v2 WHERE id <> '01J'"), Is.EqualTo(insight.Content), "once, and whole");
    }

    [Test]
    public async Task A_file_of_another_layout_refuses_nothing_while_the_server_is_away()
    {
        using var file = new ReflectionDatabase("CREATE TABLE something_else (id TEXT)");
        await using var sink = NewSink(options => (options.FileUse, options.FilePath) = (SessionBuddyFileUse.WhenServerIsDown, file.Path));
        await Server.StopAsync();

        var delivery = await sink.DeliverAsync(NewInsight(), default);

        Assert.That(delivery.Outcome, Is.EqualTo(InsightOutcome.Unavailable));
        Assert.That(delivery.Reason, Does.Contain("nothing is written"));
    }

    [Test]
    public async Task A_server_that_answers_badly_does_not_send_insights_into_the_file()
    {
        using var file = new ReflectionDatabase(FileLayouts.Current);
        await using var sink = NewSink(options => (options.FileUse, options.FilePath) = (SessionBuddyFileUse.WhenServerIsDown, file.Path));
        Server.OnStore = _ => SessionBuddyStandIn.Text("Error storing reflection: disk full");
        Assert.That((await sink.DeliverAsync(NewInsight(), default)).Outcome, Is.EqualTo(InsightOutcome.Unavailable));
        Server.HttpStatus = 503;
        Assert.That((await sink.DeliverAsync(NewInsight(), default)).Outcome, Is.EqualTo(InsightOutcome.Unavailable));

        Assert.That(file.Single<long>("SELECT count(*) FROM reflections_v2"), Is.Zero);
    }

    [Test]
    public async Task A_server_that_answers_badly_is_not_said_to_be_back()
    {
        using var file = new ReflectionDatabase(FileLayouts.Current);
        var lines = new List<string>();
        using var loggers = LoggerFactory.Create(logging => logging.AddProvider(new ListLogger(lines)));
        await using var sink = new SessionBuddySink(
            new SessionBuddyOptions { Endpoint = Server.Endpoint, FileUse = SessionBuddyFileUse.WhenServerIsDown, FilePath = file.Path }, loggers);
        await Server.StopAsync();
        await sink.DeliverAsync(NewInsight(), default);
        await Server.StartAgainAsync();
        Server.HttpStatus = 503;

        Assert.That((await sink.DeliverAsync(NewInsight(), default)).Outcome, Is.EqualTo(InsightOutcome.Unavailable));
        Assert.That(lines, Has.None.Contains("is back: insights go there again"));

        Server.HttpStatus = 0;
        Assert.That(await sink.DeliverAsync(NewInsight(), default), Is.EqualTo(InsightDelivery.Delivered));
        Assert.That(lines.Count(line => line.Contains("is back: insights go there again", StringComparison.Ordinal)), Is.EqualTo(1));
    }

    [Test]
    public async Task The_file_is_not_said_to_be_used_before_something_is_in_it()
    {
        using var file = new ReflectionDatabase("CREATE TABLE something_else (id TEXT)");
        var lines = new List<string>();
        using var loggers = LoggerFactory.Create(logging => logging.AddProvider(new ListLogger(lines)));
        await using var sink = new SessionBuddySink(
            new SessionBuddyOptions { Endpoint = Server.Endpoint, FileUse = SessionBuddyFileUse.WhenServerIsDown, FilePath = file.Path }, loggers);
        await Server.StopAsync();
        await sink.DeliverAsync(NewInsight(), default);
        Assert.That(lines, Has.None.Contains("insights go into the file"));

        file.Execute("DROP TABLE something_else; " + FileLayouts.Current);
        Assert.That(await sink.DeliverAsync(NewInsight(), default), Is.EqualTo(InsightDelivery.Delivered));
        Assert.That(lines.Count(line => line.Contains("insights go into the file", StringComparison.Ordinal)), Is.EqualTo(1));
    }

    [Test]
    public async Task The_file_is_left_alone_unless_it_is_asked_for()
    {
        using var file = new ReflectionDatabase(FileLayouts.Current);
        await using var sink = NewSink(options => options.FilePath = file.Path);
        await Server.StopAsync();

        Assert.That((await sink.DeliverAsync(NewInsight(), default)).Outcome, Is.EqualTo(InsightOutcome.Unavailable));
        Assert.That(file.Single<long>("SELECT count(*) FROM reflections_v2"), Is.Zero);
    }

    [Test]
    public async Task When_neither_can_be_reached_the_reason_names_both()
    {
        using var file = new ReflectionDatabase();
        await using var sink = NewSink(options => (options.FileUse, options.FilePath) = (SessionBuddyFileUse.WhenServerIsDown, file.Path));
        await Server.StopAsync();

        var delivery = await sink.DeliverAsync(NewInsight(), default);

        Assert.That(delivery.Outcome, Is.EqualTo(InsightOutcome.Unavailable));
        Assert.That(delivery.Reason, Does.Contain(Server.Endpoint.ToString()).And.Contain(file.Path));
    }
}
