using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using UnifiedMemory.Tests.Indexing;
using UnifiedMemory.TestSupport;

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
        await Eventually.TrueAsync(
            async () => await TestServer.ScalarAsync<long>(
                $"SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%{Prefix}%' AND state = 'active' AND pid <> pg_backend_pid()") == 0,
            "the server is done with it");
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

        Assert.That(Logged("Maintaining the indexes failed").Select(line => line.Trim()[^8..]).Take(2), Is.EqualTo(new[] { "00:00:02", "00:00:04" }));
        Assert.That(Logged("SQLSTATE 42P07"), Has.Count.AtLeast(2));
    }

    [Test]
    public async Task A_failure_is_not_taken_for_a_role_that_may_not()
    {
        await TestServer.ExecuteAsync(
            $"""
            ALTER TABLE {Prefix}memories.vector_indexes RENAME TO renamed;
            CREATE VIEW {Prefix}memories.vector_indexes AS SELECT * FROM {Prefix}memories.renamed WHERE 1 / 0 = 1;
            """);
        using var host = BuildHost();
        await host.StartAsync();

        await LoggedAsync("SQLSTATE 22012");
        await host.StopAsync();

        Assert.That(Logged("Maintaining the indexes failed"), Is.Not.Empty);
        Assert.That(Logged("does not maintain indexes"), Is.Empty);
    }

    [Test]
    public async Task A_host_that_may_not_says_so_again_when_it_is_for_another_reason()
    {
        await FillAsync(400);
        var role = Prefix + "owner";
        await TestServer.ExecuteAsync(
            $"""
            CREATE ROLE {role} LOGIN PASSWORD 'app-password';
            GRANT USAGE ON SCHEMA {Prefix}memories TO {role};
            GRANT SELECT ON ALL TABLES IN SCHEMA {Prefix}memories TO {role};
            """);
        try
        {
            using var host = BuildHost(options => options.ConnectionString =
                new NpgsqlConnectionStringBuilder(options.ConnectionString) { Username = role, Password = "app-password" }.ConnectionString);
            await host.StartAsync();
            await LoggedAsync($"the role '{role}' does not own the table");
            await TestServer.ExecuteAsync($"ALTER TABLE {Table} OWNER TO {role}");
            await LoggedAsync("SQLSTATE 42501: permission denied for schema");
            await host.StopAsync();

            Assert.That(Logged("This host does not maintain indexes"), Has.Count.EqualTo(2));
            Assert.That(Logged("Maintaining the indexes failed"), Is.Empty);
        }
        finally
        {
            await TestServer.ExecuteAsync($"REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}");
        }
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
