using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using UnifiedMemory.Benchmarks.Workload;

namespace UnifiedMemory.Benchmarks.Sides;

/// <summary>Equal stores in one host that delivers in the background, each with another sink or none.</summary>
internal sealed class SinkSides : IAsyncDisposable
{
    private const string Prefix = "load_insights_";

    private readonly IHost _host;

    private SinkSides(IHost host) => _host = host;

    public UnifiedMemoryStore this[string name] => _host.Services.GetRequiredKeyedService<UnifiedMemoryStore>(name);

    public static async Task<SinkSides> CreateAsync(LookupEmbeddingProvider provider)
    {
        var host = new HostBuilder().ConfigureServices(services =>
        {
            Add(services, "none", provider);
            Add(services, "healthy", provider).AddInsightSink(_ => new Sink((_, _) => Task.FromResult(InsightDelivery.Delivered)));
            Add(services, "dead", provider).AddInsightSink(_ => new Sink((_, _) => throw new HttpRequestException("refused")));
            Add(services, "hanging", provider).AddInsightSink(_ => new Sink(async (_, token) =>
            {
                await Task.Delay(Timeout.Infinite, token);
                return InsightDelivery.Delivered;
            }));
        }).Build();
        foreach (var name in new[] { "none", "healthy", "dead", "hanging" })
            await BenchmarkServer.ExecuteAsync($"DROP SCHEMA IF EXISTS {Prefix}{name}_memories CASCADE");
        await host.StartAsync();
        return new SinkSides(host);
    }

    public async Task<long> BacklogAsync(string name)
    {
        var backlog = await this[name].GetInsightBacklogAsync();
        return backlog.Sum(one => one.Pending + one.Parked);
    }

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
    }

    private static UnifiedMemoryBuilder Add(IServiceCollection services, string name, LookupEmbeddingProvider provider) =>
        services.AddUnifiedMemory(name, options =>
        {
            options.ConnectionString = BenchmarkServer.ConnectionString;
            options.SchemaPrefix = $"{Prefix}{name}_";
            options.MigrateOnStart = MigrateOnStart.Apply;
            options.Insights.DrainTimeout = TimeSpan.Zero;
        }).UseEmbeddingProvider(_ => provider);

    private sealed class Sink(Func<Insight, CancellationToken, Task<InsightDelivery>> deliver) : IInsightSink
    {
        public string Name => "sink";

        public Task<InsightDelivery> DeliverAsync(Insight insight, CancellationToken cancellationToken) => deliver(insight, cancellationToken);
    }
}
