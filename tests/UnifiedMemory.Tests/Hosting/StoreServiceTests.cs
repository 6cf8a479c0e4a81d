using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using UnifiedMemory.TestSupport;
using UnifiedMemory.Tests.Indexing;

namespace UnifiedMemory.Tests.Hosting;

/// <summary>Looking after the indexes in a host, when something is wrong.</summary>
public sealed class StoreServiceTests : IndexingFixture
{
    private readonly List<string> _lines = [];

    [SetUp]
    public void ForgetTheLastTest() => _lines.Clear();

    [Test]
    public async Task A_host_that_stops_does_not_wait_for_a_build_on_a_server_that_does_not_answer()
    {
        await FillAsync(400);
        await using var writer = await OpenAsync("writer");
        await using var transaction = await writer.BeginTransactionAsync();
        await ExecuteAsync(writer, $"DELETE FROM {Table} WHERE false");
        await using var proxy = TcpProxy.StartFor(TestServer.ConnectionString);
        using var host = BuildHost(options => options.ConnectionString = proxy.Rewrite(TestServer.ConnectionString));
        await host.StartAsync();
        await Eventually.TrueAsync(
            async () => await TestServer.ScalarAsync<long>(
                $"SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY%{Prefix}%' AND wait_event_type = 'Lock'") == 1,
            "the build waits for a transaction");
        proxy.BlackHole();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        var stopping = Stopwatch.StartNew();

        await host.StopAsync(patience.Token);

        Assert.That(stopping.Elapsed, Is.LessThan(TimeSpan.FromSeconds(10)));
        proxy.Heal();
        await transaction.RollbackAsync();
    }

    [Test]
    public async Task A_host_tries_again_later_and_later_while_an_index_fails()
    {
        await FillAsync(400);
        await TestServer.ExecuteAsync($"CREATE TABLE {Prefix}memories.{OnAll}_new ()");
        using var host = BuildHost();
        await host.StartAsync();

        await LoggedAsync("it is tried again in 00:00:04");
        await TestServer.ExecuteAsync($"DROP TABLE {Prefix}memories.{OnAll}_new");
        await LoggedAsync($"Built index {OnAll} ");
        await host.StopAsync();

        Assert.That(Logged("Maintaining the indexes failed").Select(line => line.Trim()[^8..]), Is.EqualTo(new[] { "00:00:02", "00:00:04" }));
        Assert.That(Logged("SQLSTATE 42P07"), Has.Count.EqualTo(2));
    }

    private Task LoggedAsync(string text) => Eventually.TrueAsync(() => Logged(text).Count > 0, $"the host says '{text}'");

    private List<string> Logged(string text)
    {
        lock (_lines)
            return _lines.Where(line => line.Contains(text, StringComparison.Ordinal)).ToList();
    }

    private IHost BuildHost(Action<UnifiedMemoryOptions>? configure = null) => new HostBuilder().ConfigureServices(services =>
    {
        services.AddLogging(logging => logging.AddProvider(new ListLogger(_lines)));
        services.AddUnifiedMemory(options =>
        {
            (options.ConnectionString, options.SchemaPrefix) = (TestServer.ConnectionString, Prefix);
            (options.Indexes.Interval, options.Indexes.Threshold) = (TimeSpan.FromSeconds(1), 300);
        }).UseEmbeddingProvider(_ => Embeddings).Configure(configure ?? (_ => { }));
    }).Build();
}
