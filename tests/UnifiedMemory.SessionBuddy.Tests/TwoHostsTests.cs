using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using UnifiedMemory.SessionBuddy;

namespace UnifiedMemory.Tests.SessionBuddy;

/// <summary>Two hosts deliver to one Session-Buddy. None sends what another has sent while the server may be at work on it.</summary>
[NonParallelizable]
public sealed class TwoHostsTests : StoreFixture
{
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(1);

    /// <summary>Longer than a call is waited for, and not as long as the server may be at work on it.</summary>
    private static readonly TimeSpan Late = 1.7 * CallTimeout;

    private SessionBuddyStandIn _server = null!;

    [SetUp]
    public async Task StartServerAsync() => _server = await SessionBuddyStandIn.StartAsync();

    [TearDown]
    public async Task StopServerAsync() => await _server.DisposeAsync();

    [TestCase(false, Description = "the call takes too long")]
    [TestCase(true, Description = "the first host is stopped")]
    public async Task What_the_server_is_at_work_on_for_one_host_another_does_not_send(bool stops)
    {
        await using var firstSink = NewSink();
        await using var first = NewStore(options => Quick(options.Insights), sinks: [firstSink]);
        await using var secondSink = NewSink();
        await using var second = NewStore(options => Quick(options.Insights), sinks: [secondSink]);
        await first.StoreAsync(NewMemory(0));
        _server.Hold("store_reflection");
        using var stop = new CancellationTokenSource();
        var dispatching = first.DispatchPendingAsync(stop.Token);
        await _server.ArrivedAsync();
        if (stops)
            await stop.CancelAsync();
        await dispatching.ContinueWith(static _ => { }, TaskScheduler.Default);

        using var atWork = new CancellationTokenSource(Late - CallTimeout);
        while (!atWork.IsCancellationRequested)
        {
            await second.DispatchPendingAsync(CancellationToken.None).WaitAsync(TimeSpan.FromMilliseconds(200)).ContinueWith(static _ => { }, TaskScheduler.Default);
            await Task.Delay(20);
        }

        _server.Release();
        await Eventually.TrueAsync(
            async () =>
            {
                await second.DispatchPendingAsync();
                return (await second.GetInsightBacklogAsync()).All(sink => sink.Pending == 0);
            },
            "it is delivered");
        Assert.That(_server.Stored, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Every_insight_arrives_once_though_the_server_hangs_and_is_restarted_and_a_host_is_stopped_in_a_delivery()
    {
        var hosts = new List<IHost> { await StartHostAsync(), await StartHostAsync() };
        var stored = new List<string>();

        await StoreAsync();
        await Eventually.TrueAsync(() => _server.Stored.Count == stored.Count, "all is well");

        for (var i = 0; i < 2; i++)
        {
            await HangAsync();
            await Task.Delay(Late);
            _server.Release();
        }

        (_server.AbortAfterStoring, _server.AbortBeforeStoring) = (2, 2);
        await StoreAsync();
        await Eventually.TrueAsync(() => _server is { AbortAfterStoring: <= 0, AbortBeforeStoring: <= 0 }, "connections were lost");

        await HangAsync();
        await _server.StopAsync();
        await StoreAsync();
        await _server.StartAgainAsync();

        // Another comes in its place, which knows nothing of what the first has sent.
        await HangAsync();
        var stopping = hosts[0].StopAsync();
        hosts.Add(await StartHostAsync());
        await Task.Delay(Late);
        _server.Release();
        await stopping;
        await StoreAsync();

        await Eventually.TrueAsync(
            async () => (await Store.GetInsightBacklogAsync()).All(sink => sink is { Pending: 0, Parked: 0 }), "everything is delivered");
        foreach (var host in hosts)
        {
            await host.StopAsync();
            host.Dispose();
        }

        Assert.That(
            _server.Stored.SelectMany(reflection => reflection.Tags).Where(tag => tag.StartsWith("memory_id:", StringComparison.Ordinal)),
            Is.EquivalentTo(stored));

        async Task HangAsync()
        {
            _server.Hold("store_reflection");
            await StoreAsync();
            await Eventually.TrueAsync(() => _server.Held > 0, "something is under way");
        }

        async Task StoreAsync()
        {
            var store = hosts[^1].Services.GetRequiredService<UnifiedMemoryStore>();
            for (var i = 0; i < 6; i++)
                stored.Add($"memory_id:{(await store.StoreAsync(NewMemory(stored.Count))).Id}");
        }
    }

    private async Task<IHost> StartHostAsync()
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services
            .AddUnifiedMemory(options =>
            {
                (options.ConnectionString, options.SchemaPrefix) = (TestServer.ConnectionString, Prefix);
                Quick(options.Insights);
            })
            .UseEmbeddingProvider(_ => Embeddings)
            .AddSessionBuddy(Use);
        var host = builder.Build();
        await host.StartAsync();
        return host;
    }

    private SessionBuddySink NewSink()
    {
        var options = new SessionBuddyOptions();
        Use(options);
        return new SessionBuddySink(options);
    }

    private void Use(SessionBuddyOptions options) => (options.Endpoint, options.CallTimeout) = (_server.Endpoint, CallTimeout);

    private static void Quick(InsightOptions options)
    {
        options.DeliveryTimeout = 1.5 * CallTimeout;
        options.LeaseDuration = 10 * CallTimeout;
        options.PollInterval = TimeSpan.FromMilliseconds(50);
        options.RetryDelay = TimeSpan.FromMilliseconds(100);
        options.MaxRetryDelay = TimeSpan.FromMilliseconds(200);
        options.BreakDuration = TimeSpan.FromMilliseconds(500);
        options.DrainTimeout = TimeSpan.FromMilliseconds(100);
        options.MaxAttempts = 1_000;
    }

    private static NewMemory NewMemory(int number) =>
        new($"Always check insight {number} before you rely on it.", MemoryType.Insight) { Namespace = $"n{number % 3}" };
}
