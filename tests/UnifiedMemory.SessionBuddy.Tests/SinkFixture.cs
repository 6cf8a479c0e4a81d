using UnifiedMemory.SessionBuddy;

namespace UnifiedMemory.Tests.SessionBuddy;

/// <summary>A stand-in and a sink on it, for each test of the class.</summary>
public abstract class SinkFixture
{
    protected SessionBuddyStandIn Server { get; private set; } = null!;

    protected SessionBuddySink Sink { get; private set; } = null!;

    [SetUp]
    public async Task StartAsync()
    {
        Server = await SessionBuddyStandIn.StartAsync();
        Sink = NewSink();
    }

    [TearDown]
    public async Task StopAsync()
    {
        await Sink.DisposeAsync();
        await Server.DisposeAsync();
    }

    protected SessionBuddySink NewSink(Action<SessionBuddyOptions>? configure = null, TimeProvider? time = null)
    {
        var options = new SessionBuddyOptions { Endpoint = Server.Endpoint };
        configure?.Invoke(options);
        return new SessionBuddySink(options, timeProvider: time);
    }

    /// <summary>Ends this server and sink, and starts others.</summary>
    protected async Task ReplaceAsync(bool takesProject = false, params string[] tools)
    {
        await StopAsync();
        Server = await SessionBuddyStandIn.StartAsync(takesProject, tools);
        Sink = NewSink();
    }

    protected static Insight NewInsight(string content = "Always use a transaction for the outbox, or a crash loses the insight.") => new(
        Guid.CreateVersion7(), "default", content, InsightType.BestPractice, 0.8, new DateTimeOffset(2026, 7, 1, 12, 0, 0, TimeSpan.FromHours(2)))
    {
        Topics = ["outbox", "postgres"],
        Projects = ["shop", "billing"],
    };
}
