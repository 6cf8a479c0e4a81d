using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using UnifiedMemory.Postgres;
using UnifiedMemory.TestSupport;

namespace UnifiedMemory.Tests.Faults;

/// <summary>Searches on a streaming standby: where they go, what they see, and what they do when it cannot serve them.</summary>
public sealed class StandbyTests : FaultFixture
{
    private const string ApplicationName = "standby reader";

    private PostgresStandby _standby = null!;
    private UnifiedMemoryStore _store = null!;
    private SentStatements _sent = null!;

    [OneTimeSetUp]
    public async Task StartStandbyAsync() =>
        _standby = await PostgresStandby.StartAsync(Cluster, new Dictionary<string, string> { ["max_standby_streaming_delay"] = "100ms" });

    [OneTimeTearDown]
    public async Task StopStandbyAsync()
    {
        if (_standby is not null)
            await _standby.DisposeAsync();
    }

    [SetUp]
    public async Task OpenReaderAsync()
    {
        _store = NewReader();
        _sent = new SentStatements(ApplicationName);
        await _standby.CatchUpAsync();
        Assert.That(await _store.SearchAsync(new MemoryQuery("nothing yet")), Is.Empty);
        _sent.Take();
    }

    [TearDown]
    public async Task CloseReaderAsync()
    {
        await _store.DisposeAsync();
        _sent.Dispose();
        await _standby.ResumeReplayAsync();
        await _standby.CatchUpAsync();
    }

    [Test]
    public async Task Searches_go_to_the_standby_and_everything_else_to_the_primary()
    {
        var stored = await _store.StoreAsync(new NewMemory("one", MemoryType.Rag));
        await _store.StoreManyAsync(Enumerable.Range(0, 30).Select(i => new NewMemory($"memory {i}", MemoryType.Rag)));
        await _store.GetAsync(stored.Id);
        await _store.CountAsync(new MemoryFilter());
        await foreach (var _ in _store.ListAsync(new MemoryFilter()))
        {
        }

        await _store.UpdateAsync(stored.Id, new MemoryUpdate { Importance = 1 });
        await _store.DeleteAsync(stored.Id);
        Assert.That(_sent.Take().Select(statement => statement.Port), Is.Not.Empty.And.All.EqualTo(Cluster.Port));

        await _standby.CatchUpAsync();
        var found = await Task.WhenAll(Enumerable.Range(0, 100).Select(i => _store.SearchAsync(new MemoryQuery($"memory {i % 30}"))));
        Assert.That(found, Has.All.Count.EqualTo(10));
        var searches = Searches();
        Assert.That(searches, Has.Count.GreaterThanOrEqualTo(100));
        Assert.That(searches, Is.All.EqualTo(_standby.Port));
    }

    [Test]
    public async Task A_search_sees_its_own_writes_when_it_asks_for_that_and_else_what_the_standby_has()
    {
        await _store.StoreAsync(new NewMemory("before", MemoryType.Rag));
        await _standby.CatchUpAsync();
        await _standby.PauseReplayAsync();
        await _store.StoreAsync(new NewMemory("after", MemoryType.Rag));

        var own = await _store.SearchAsync(new MemoryQuery("after") { ReadYourWrites = true });
        var old = await _store.SearchAsync(new MemoryQuery("after"));

        Assert.That(own.Select(match => match.Record.Content), Is.EquivalentTo(["before", "after"]));
        Assert.That(old.Select(match => match.Record.Content), Is.EqualTo(["before"]));

        await _standby.ResumeReplayAsync();
        await _standby.CatchUpAsync();
        Assert.That(await _store.SearchAsync(new MemoryQuery("after")), Has.Count.EqualTo(2));
    }

    [Test]
    public async Task Searches_go_on_while_the_standby_is_away_and_return_to_it([Values] PostgresShutdown shutdown)
    {
        await _store.StoreManyAsync(Enumerable.Range(0, 30).Select(i => new NewMemory($"memory {i}", MemoryType.Rag)));
        await _standby.CatchUpAsync();
        await using var reader = NewReader(options => options.ConnectionString += ";Host Recheck Seconds=1");
        using var stop = new CancellationTokenSource();
        var searches = 0;
        var slowest = TimeSpan.Zero;
        var searching = Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                var started = Stopwatch.GetTimestamp();
                Assert.That(await reader.SearchAsync(new MemoryQuery("memory 1")), Has.Count.EqualTo(10));
                Interlocked.Increment(ref searches);
                lock (stop)
                    slowest = TimeSpan.FromTicks(Math.Max(slowest.Ticks, Stopwatch.GetElapsedTime(started).Ticks));
            }
        })));
        await MoreAsync(_standby.Port);

        await _standby.StopAsync(shutdown);
        try
        {
            await MoreAsync(Cluster.Port);
        }
        finally
        {
            await _standby.StartAgainAsync();
        }

        await MoreAsync(_standby.Port);
        await stop.CancelAsync();
        await searching;
        TestContext.Out.WriteLine($"{searches} searches, the slowest took {slowest.TotalMilliseconds:0} ms");
        Assert.That(slowest, Is.LessThan(TimeSpan.FromSeconds(5)));

        async Task MoreAsync(int port)
        {
            _sent.Take();
            var count = 0;
            await Eventually.TrueAsync(() => searching.IsFaulted || (count += Searches().Count(one => one == port)) > 50, $"50 searches on port {port}");
            if (searching.IsFaulted)
                await searching;
        }
    }

    [Test]
    public async Task A_standby_that_takes_connections_and_answers_nothing_is_waited_for_once()
    {
        await _store.StoreAsync(new NewMemory("one", MemoryType.Rag));
        await using var proxy = TcpProxy.StartFor(_standby.ConnectionString);
        await using var reader = NewReader(options => options.ConnectionString = Both(proxy) + ";Timeout=1");
        await reader.CountAsync(new MemoryFilter());
        proxy.BlackHole();

        var started = Stopwatch.GetTimestamp();
        var found = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => reader.SearchAsync(new MemoryQuery("one"))));
        var elapsed = Stopwatch.GetElapsedTime(started);

        Assert.That(found, Has.All.Count.EqualTo(1));
        Assert.That(proxy.FaultsFired, Is.GreaterThan(0));
        Assert.That(proxy.ConnectionsAccepted, Is.EqualTo(1), "asked by the one estimate that all the searches share");
        Assert.That(elapsed, Is.LessThan(TimeSpan.FromSeconds(5)));
    }

    [Test]
    public async Task A_standby_that_answers_again_is_asked_again()
    {
        await _store.StoreAsync(new NewMemory("one", MemoryType.Rag));
        await _standby.CatchUpAsync();
        await using var proxy = TcpProxy.StartFor(_standby.ConnectionString);
        await using var reader = NewReader(options => options.ConnectionString = Both(proxy) + ";Timeout=1;Host Recheck Seconds=1");
        await reader.CountAsync(new MemoryFilter());
        proxy.BlackHole();
        Assert.That(await reader.SearchAsync(new MemoryQuery("one")), Has.Count.EqualTo(1));

        proxy.Heal();
        _sent.Take();
        await Eventually.TrueAsync(async () =>
        {
            Assert.That(await reader.SearchAsync(new MemoryQuery("one")), Has.Count.EqualTo(1));
            return Searches().Contains(proxy.Port);
        }, "a search goes to the standby");
    }

    [Test]
    public async Task A_search_that_is_in_the_way_of_replay_is_answered_by_the_primary()
    {
        await using var database = NewDatabase();
        var attempts = new List<bool>();
        var running = new TaskCompletionSource();
        var reading = database.ReadAsync("search", latest: false, async (connection, token) =>
        {
            var onStandby = await InRecoveryAsync(connection, token);
            attempts.Add(onStandby);
            await using var command = new NpgsqlCommand($"SELECT count(*), pg_sleep({(onStandby ? 30 : 0)}) FROM {Table}", connection);
            var asking = command.ExecuteScalarAsync(token);
            if (onStandby)
                running.TrySetResult();
            return (long)(await asking)!;
        }, CancellationToken.None);
        await running.Task;
        await Eventually.TrueAsync(
            () => _standby.ScalarAsync<bool>("SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"), "the query runs on the standby");

        await ExecuteAsync($"TRUNCATE {Table}");

        Assert.That(await reading, Is.Zero);
        Assert.That(attempts, Is.EqualTo([true, false]), "the standby, then the primary");
        Assert.That(await File.ReadAllTextAsync(_standby.LogFile), Does.Contain("canceling statement due to conflict with recovery"));
    }

    [Test]
    public async Task A_standby_that_lags_behind_the_migration_leaves_searches_to_the_primary()
    {
        await _standby.PauseReplayAsync();
        await using var store = NewReader(options => options.SchemaPrefix = "lagging_");
        await store.MigrateAsync();
        await store.StoreAsync(new NewMemory("one", MemoryType.Rag));

        Assert.That(await store.SearchAsync(new MemoryQuery("one")), Has.Count.EqualTo(1));

        await _standby.ResumeReplayAsync();
        await _standby.CatchUpAsync();
        _sent.Take();
        Assert.That(await store.SearchAsync(new MemoryQuery("one")), Has.Count.EqualTo(1));
        Assert.That(Searches(), Is.All.EqualTo(_standby.Port));
    }

    [Test]
    public async Task Types_that_a_host_got_after_its_first_connection_are_read_again()
    {
        await ExecuteAsync("CREATE DATABASE without_extension");
        await _standby.CatchUpAsync();
        await _standby.PauseReplayAsync();

        // The standby first: it is asked what it is, and its types are read, before the extension is there.
        await using var store = NewReader(options => options.ConnectionString = new NpgsqlConnectionStringBuilder(Cluster.ConnectionString)
        {
            Host = $"127.0.0.1:{_standby.Port},127.0.0.1:{Cluster.Port}",
            Database = "without_extension",
        }.ConnectionString);
        await store.GetMigrationStatusAsync();
        await store.MigrateAsync();
        await store.StoreAsync(new NewMemory("one", MemoryType.Rag));
        Assert.That(await store.SearchAsync(new MemoryQuery("one")), Has.Count.EqualTo(1), "from the primary");

        await _standby.ResumeReplayAsync();
        await _standby.CatchUpAsync();
        _sent.Take();
        Assert.That(await store.SearchAsync(new MemoryQuery("one")), Has.Count.EqualTo(1));
        _sent.Take();
        Assert.That(await store.SearchAsync(new MemoryQuery("one")), Has.Count.EqualTo(1));
        Assert.That(Searches(), Is.Not.Empty.And.All.EqualTo(_standby.Port));
    }

    [Test]
    public async Task Statements_stay_prepared_on_each_host()
    {
        await using var database = NewDatabase(options => options.MaxPoolSize = 1);
        foreach (var latest in new[] { false, true, false, true, false, true })
            Assert.That(await database.ReadAsync("search", latest, InRecoveryAsync, CancellationToken.None), Is.EqualTo(!latest));

        foreach (var latest in new[] { false, true })
        {
            var prepared = await database.ReadAsync("search", latest, async (connection, token) =>
            {
                await using var command = new NpgsqlCommand("SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT pg_is_in_recovery()'", connection);
                return (long)(await command.ExecuteScalarAsync(token))!;
            }, CancellationToken.None);
            Assert.That(prepared, Is.EqualTo(1));
        }
    }

    private static async Task<bool> InRecoveryAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT pg_is_in_recovery()", connection);
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private IReadOnlyList<int> Searches() =>
        [.. _sent.Take().Where(statement => statement.Text.Contains("<=>", StringComparison.Ordinal)).Select(statement => statement.Port)];

    /// <summary>The primary, and the standby as the proxy shows it.</summary>
    private string Both(TcpProxy proxy) => _standby.BothConnectionString.Replace($":{_standby.Port}", $":{proxy.Port}", StringComparison.Ordinal);

    private UnifiedMemoryStore NewReader(Action<UnifiedMemoryOptions>? configure = null) => NewStore(options =>
    {
        ConfigureReader(options);
        configure?.Invoke(options);
    });

    private Database NewDatabase(Action<UnifiedMemoryOptions>? configure = null)
    {
        var options = new UnifiedMemoryOptions { SchemaPrefix = Prefix };
        ConfigureReader(options);
        configure?.Invoke(options);
        return new Database(options, NullLoggerFactory.Instance, TimeProvider.System);
    }

    private void ConfigureReader(UnifiedMemoryOptions options) =>
        (options.ConnectionString, options.PreferStandby, options.ApplicationName) = (_standby.BothConnectionString, true, ApplicationName);
}
