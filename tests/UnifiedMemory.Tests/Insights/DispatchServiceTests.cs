using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using UnifiedMemory.TestSupport;

namespace UnifiedMemory.Tests.Insights;

/// <summary>Delivering in a host: at once, in the background, and until it has stopped.</summary>
public sealed class DispatchServiceTests : StoreFixture
{
    private readonly RecordingSink _sink = new();

    [SetUp]
    public void ForgetTheLastTest() => _sink.OnDeliver = (_, _) => Task.FromResult(InsightDelivery.Delivered);

    [Test]
    public async Task What_is_stored_is_delivered_at_once_and_the_store_call_does_not_wait()
    {
        var release = new TaskCompletionSource();
        _sink.OnDeliver = async (_, _) =>
        {
            await release.Task;
            return InsightDelivery.Delivered;
        };
        using var host = BuildHost(options => options.Insights.PollInterval = TimeSpan.FromDays(1));
        await host.StartAsync();
        var store = host.Services.GetRequiredService<UnifiedMemoryStore>();
        var before = _sink.Received.Count;

        await store.StoreAsync(new NewMemory("one", MemoryType.Insight));
        await store.StoreManyAsync([new NewMemory("two", MemoryType.Insight)]);
        var rag = await store.StoreAsync(new NewMemory("plain", MemoryType.Rag));
        await store.UpdateAsync(rag.Id, new MemoryUpdate { Content = Texts.With(Texts.Good) });
        Assert.That(_sink.Received, Has.Count.EqualTo(before), "the calls came back while the sink hangs");
        release.SetResult();

        await Eventually.TrueAsync(() => _sink.Received.Count == before + 3, "all are delivered long before the next poll");
        await host.StopAsync();
    }

    [Test]
    public async Task What_others_stored_and_what_waited_for_its_next_try_is_found_by_polling()
    {
        using var host = BuildHost(options =>
        {
            options.Insights.PollInterval = TimeSpan.FromMilliseconds(50);
            options.Insights.RetryDelay = TimeSpan.FromMilliseconds(20);
        });
        await host.StartAsync();
        await using var other = NewStore(sinks: [new RecordingSink()]);
        var before = _sink.Received.Count;
        var failed = 0;
        _sink.OnDeliver = (_, _) => Task.FromResult(failed++ == 0 ? InsightDelivery.Unavailable("once") : InsightDelivery.Delivered);

        await other.StoreAsync(new NewMemory("from another process", MemoryType.Insight));

        await Eventually.TrueAsync(() => _sink.Received.Count == before + 1, "it is delivered");
        await host.StopAsync();
    }

    [Test]
    public async Task A_host_that_stops_delivers_what_is_due_first()
    {
        using var host = BuildHost(_ => { });
        await host.StartAsync();
        var store = host.Services.GetRequiredService<UnifiedMemoryStore>();
        var before = _sink.Received.Count;
        await store.StoreManyAsync(Enumerable.Range(0, 200).Select(i => new NewMemory($"insight {i}", MemoryType.Insight)));

        await host.StopAsync();

        Assert.That(_sink.Received, Has.Count.EqualTo(before + 200));
    }

    [Test]
    public async Task A_host_that_stops_waits_for_a_sink_that_hangs_no_longer_than_it_is_told()
    {
        var tried = new TaskCompletionSource();
        _sink.OnDeliver = async (_, _) =>
        {
            tried.TrySetResult();
            await Task.Delay(Timeout.Infinite, CancellationToken.None);
            return InsightDelivery.Delivered;
        };
        using var host = BuildHost(options => options.Insights.DrainTimeout = TimeSpan.FromMilliseconds(200));
        await host.StartAsync();
        await host.Services.GetRequiredService<UnifiedMemoryStore>().StoreAsync(new NewMemory("hangs", MemoryType.Insight));
        await tried.Task;

        await host.StopAsync().WaitAsync(TimeSpan.FromSeconds(8));

        var leases = await TestServer.ScalarAsync<long>($"SELECT count(*) FROM {Outbox} WHERE lease_id IS NOT NULL");
        Assert.That(leases, Is.Zero, "another host may go on at once");
        Assert.That(await TestServer.ScalarAsync<int>($"SELECT attempts FROM {Outbox}"), Is.EqualTo(1));
    }

    [Test]
    public async Task A_host_that_stops_does_not_wait_for_a_database_that_does_not_answer()
    {
        await using var proxy = TcpProxy.StartFor(TestServer.ConnectionString);
        var tried = new TaskCompletionSource();
        _sink.OnDeliver = (_, _) =>
        {
            proxy.BlackHole();
            tried.TrySetResult();
            return Task.FromResult(InsightDelivery.Delivered);
        };
        using var host = BuildHost(options =>
        {
            options.ConnectionString = proxy.Rewrite(TestServer.ConnectionString);
            options.Insights.DrainTimeout = TimeSpan.FromMilliseconds(200);
        });
        await host.StartAsync();
        await host.Services.GetRequiredService<UnifiedMemoryStore>().StoreAsync(new NewMemory("one", MemoryType.Insight));
        await tried.Task;
        var stopping = Stopwatch.StartNew();

        await host.StopAsync();

        Assert.That(stopping.Elapsed, Is.LessThan(TimeSpan.FromSeconds(10)));
        Assert.That(
            await TestServer.ScalarAsync<long>($"SELECT count(*) FROM {Outbox} WHERE lease_id IS NOT NULL"), Is.EqualTo(1), "it waits for the end of its lease");
        proxy.Heal();
    }

    [Test]
    public async Task Sinks_belong_to_the_store_that_they_were_added_to()
    {
        using var host = new HostBuilder().ConfigureServices(services =>
        {
            services.AddUnifiedMemory(Use).UseEmbeddingProvider(_ => Embeddings).AddInsightSink<FirstSink>().AddInsightSink(_ => new RecordingSink("second"));
            services.AddUnifiedMemory("reports", options =>
            {
                Use(options);
                options.SchemaPrefix = Prefix + "r_";
            }).UseEmbeddingProvider(_ => Embeddings).AddInsightSink(_ => new RecordingSink("third")).UseInsightDetector<DelimitedInsightDetector>();
        }).Build();

        var plain = await host.Services.GetRequiredService<UnifiedMemoryStore>().GetInsightBacklogAsync();
        var reports = host.Services.GetRequiredKeyedService<UnifiedMemoryStore>("reports");
        await reports.MigrateAsync();

        Assert.That(plain.Select(one => one.Sink), Is.EqualTo(new[] { "first", "second" }));
        Assert.That((await reports.GetInsightBacklogAsync()).Select(one => one.Sink), Is.EqualTo(new[] { "third" }));
        await TestServer.ExecuteAsync($"DROP SCHEMA {Prefix}r_memories CASCADE");
    }

    private IHost BuildHost(Action<UnifiedMemoryOptions> configure) => new HostBuilder().ConfigureServices(services =>
        services.AddUnifiedMemory(Use).UseEmbeddingProvider(_ => Embeddings).AddInsightSink(_ => _sink).Configure(configure)).Build();

    private void Use(UnifiedMemoryOptions options) => (options.ConnectionString, options.SchemaPrefix) = (TestServer.ConnectionString, Prefix);

    private sealed class FirstSink : IInsightSink
    {
        public string Name => "first";

        public Task<InsightDelivery> DeliverAsync(Insight insight, CancellationToken cancellationToken) => Task.FromResult(InsightDelivery.Delivered);
    }
}
