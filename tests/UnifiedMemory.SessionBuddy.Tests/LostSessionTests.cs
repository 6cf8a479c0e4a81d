using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Time.Testing;
using ModelContextProtocol;
using UnifiedMemory.SessionBuddy;

namespace UnifiedMemory.Tests.SessionBuddy;

/// <summary>Session-Buddy goes away and comes back.</summary>
public sealed class LostSessionTests : SinkFixture
{
    [TestCase(false)]
    [TestCase(true)]
    public async Task A_restarted_server_is_given_a_new_session_within_the_same_try(bool likePython)
    {
        Server.LikePython = likePython;
        await Sink.DeliverAsync(NewInsight(), default);
        await Server.StopAsync();
        await Server.StartAgainAsync();

        Assert.That(await Sink.DeliverAsync(NewInsight(), default), Is.EqualTo(InsightDelivery.Delivered));
        Assert.That((Server.Stored.Count, Server.Sessions), Is.EqualTo((2, 2)));
    }

    [Test]
    public async Task Many_deliveries_after_a_restart_share_the_new_session()
    {
        await Sink.DeliverAsync(NewInsight(), default);
        await Server.StopAsync();
        await Server.StartAgainAsync();

        var deliveries = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Sink.DeliverAsync(NewInsight(), default)));

        Assert.That(deliveries, Is.All.EqualTo(InsightDelivery.Delivered));
        Assert.That((Server.Stored.Count, Server.Sessions), Is.EqualTo((21, 2)));
    }

    [Test]
    public async Task What_arrived_before_the_connection_was_lost_is_found_and_not_sent_again()
    {
        await Sink.DeliverAsync(NewInsight(), default);
        Server.AbortAfterStoring = 1;

        Assert.That(await Sink.DeliverAsync(NewInsight(), default), Is.EqualTo(InsightDelivery.Delivered));
        Assert.That((Server.Stored.Count, Server.Searches), Is.EqualTo((2, 2)));
    }

    [TestCase(McpErrorCode.InternalError)]
    [TestCase(McpErrorCode.InvalidParams)]
    public async Task An_error_of_the_protocol_is_an_answer_and_the_session_goes_on(McpErrorCode code)
    {
        Server.OnStore = _ => throw new McpProtocolException("SECRET", code);

        var delivery = await Sink.DeliverAsync(NewInsight(), default);

        Assert.That(delivery.Outcome, Is.EqualTo(InsightOutcome.Unavailable));
        Assert.That(delivery.Reason, Does.Contain($"MCP error {(int)code}").And.Not.Contain("SECRET"));
        Server.OnStore = _ => null;
        Assert.That(await Sink.DeliverAsync(NewInsight(), default), Is.EqualTo(InsightDelivery.Delivered));
        Assert.That((Server.Sessions, Server.Searches), Is.EqualTo((1, 0)));
    }

    [Test]
    public async Task A_connection_that_is_lost_while_the_server_is_at_work_makes_no_second()
    {
        var insight = NewInsight();
        Server.AbortBeforeStoring = 1;
        Server.Hold("store_reflection");
        var delivery = await Sink.DeliverAsync(insight, default);
        Assert.That(await Server.ArrivedAsync(), Is.EqualTo("store_reflection"));
        Assert.That(await Server.ArrivedAsync(), Is.EqualTo("quick_search"), "it is not sent again, but looked for");
        Assert.That(delivery.Outcome, Is.EqualTo(InsightOutcome.Unavailable));
        Assert.That(delivery.RetryAfter, Is.EqualTo(2 * new SessionBuddyOptions().CallTimeout), "nor in the next try while the server may be at work");

        Server.Release();
        await Eventually.TrueAsync(() => Server.Stored.Count > 0, "the server is done");

        Assert.That(await Sink.DeliverAsync(insight with { Attempt = 2 }, default), Is.EqualTo(InsightDelivery.Delivered));
        Assert.That(Server.Stored, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task A_server_that_is_gone_after_a_call_may_have_stored_it()
    {
        using var file = new ReflectionDatabase();
        await using var sink = NewSink(options => (options.FileUse, options.FilePath) = (SessionBuddyFileUse.WhenServerIsDown, file.Path));
        var stopping = Task.CompletedTask;
        Server.OnStore = _ =>
        {
            stopping = Server.StopAsync();
            Thread.Sleep(500);
            return null;
        };

        Assert.That((await sink.DeliverAsync(NewInsight(), default)).RetryAfter, Is.EqualTo(2 * new SessionBuddyOptions().CallTimeout));
        await stopping;
    }

    [Test]
    public async Task A_call_that_was_begun_after_another_had_failed_has_its_whole_time()
    {
        var time = new FakeTimeProvider();
        await using var sink = NewSink(options => options.CallTimeout = TimeSpan.FromSeconds(20), time);
        Server.Hold();
        var failing = sink.DeliverAsync(NewInsight(), default);
        await Server.ArrivedAsync();
        time.Advance(TimeSpan.FromSeconds(15));
        var slow = sink.DeliverAsync(NewInsight() with { Attempt = 2 }, default);
        await Server.ArrivedAsync();
        time.Advance(TimeSpan.FromSeconds(6));
        await failing.WaitAsync(TimeSpan.FromSeconds(30));
        time.Advance(TimeSpan.FromSeconds(10));
        Server.Release();
        Server.Hold("store_reflection");
        Assert.That(await Server.ArrivedAsync(), Is.EqualTo("store_reflection"), "it was looked for, and is sent");

        time.Advance(TimeSpan.FromSeconds(11));
        await Task.Delay(500);
        Server.Release();

        Assert.That(await slow.WaitAsync(TimeSpan.FromSeconds(30)), Is.EqualTo(InsightDelivery.Delivered));
        await Eventually.TrueAsync(() => Server.Stored.Count > 1, "the server is done");
        Assert.That((Server.Stored.Count, Server.Sessions), Is.EqualTo((2, 1)), "it was answered in the session that was dropped");
    }

    [Test]
    public async Task A_call_that_fails_does_not_cut_off_the_others_of_its_session()
    {
        var time = new FakeTimeProvider();
        await using var sink = NewSink(options => options.CallTimeout = TimeSpan.FromSeconds(20), time);
        Server.Hold();
        var first = sink.DeliverAsync(NewInsight(), default);
        await Server.ArrivedAsync();
        time.Advance(TimeSpan.FromSeconds(15));
        var second = sink.DeliverAsync(NewInsight(), default);
        await Server.ArrivedAsync();
        time.Advance(TimeSpan.FromSeconds(6));
        Assert.That((await first.WaitAsync(TimeSpan.FromSeconds(30))).Outcome, Is.EqualTo(InsightOutcome.Unavailable));

        Server.Release();

        Assert.That(await second.WaitAsync(TimeSpan.FromSeconds(30)), Is.EqualTo(InsightDelivery.Delivered));
        Assert.That((Server.Sessions, Server.Searches), Is.EqualTo((1, 0)), "it was answered in the session that was dropped");
        Assert.That(await sink.DeliverAsync(NewInsight(), default), Is.EqualTo(InsightDelivery.Delivered));
        Assert.That(Server.Sessions, Is.EqualTo(2), "a later one is sent in another");
        time.Advance(TimeSpan.FromSeconds(60));
        await Eventually.TrueAsync(() => Server.Ended == 1, "the session that was dropped ends when no call can be under way in it");
    }

    [Test]
    public async Task Nobody_listens_and_later_somebody_does()
    {
        await Server.StopAsync();
        var delivery = await Sink.DeliverAsync(NewInsight(), default);
        Assert.That(delivery.Outcome, Is.EqualTo(InsightOutcome.Unavailable));
        Assert.That(delivery.Reason, Does.Contain(Server.Endpoint.ToString()));

        await Server.StartAgainAsync();
        Assert.That(await Sink.DeliverAsync(NewInsight(), default), Is.EqualTo(InsightDelivery.Delivered));
    }

    [TestCase(500)]
    [TestCase(200)]
    public async Task Something_else_that_speaks_HTTP_gets_nothing_and_does_no_harm(int status)
    {
        Server.HttpStatus = status;

        var delivery = await Sink.DeliverAsync(NewInsight(), default);

        Assert.That(delivery.Outcome, Is.EqualTo(InsightOutcome.Unavailable));
        Assert.That(delivery.Reason, Does.Not.Contain("html"));
        Server.HttpStatus = 0;
        Assert.That(await Sink.DeliverAsync(NewInsight(), default), Is.EqualTo(InsightDelivery.Delivered));
    }

    [Test]
    public async Task A_port_that_accepts_and_never_answers_is_given_up_after_the_time_out()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var time = new FakeTimeProvider();
        await using var sink = NewSink(
            options => (options.Endpoint, options.ConnectTimeout) = (new Uri($"http://127.0.0.1:{((IPEndPoint)silent.LocalEndpoint).Port}/mcp"), TimeSpan.FromSeconds(5)), time);
        var hanging = sink.DeliverAsync(NewInsight(), default);
        using var accepted = await silent.AcceptTcpClientAsync().WaitAsync(TimeSpan.FromSeconds(30));

        time.Advance(TimeSpan.FromSeconds(6));

        Assert.That((await hanging.WaitAsync(TimeSpan.FromSeconds(30))).Outcome, Is.EqualTo(InsightOutcome.Unavailable));
    }
}
