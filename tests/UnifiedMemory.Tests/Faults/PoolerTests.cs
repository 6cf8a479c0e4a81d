using UnifiedMemory.TestSupport;

namespace UnifiedMemory.Tests.Faults;

/// <summary>The store behind pgbouncer in transaction mode, with more callers than the pooler has sessions.</summary>
public sealed class PoolerTests : FaultFixture
{
    private const int Sessions = 5;

    private PgBouncer _pooler = null!;
    private UnifiedMemoryStore _store = null!;

    [OneTimeSetUp]
    public async Task StartPoolerAsync() => _pooler = await PgBouncer.StartAsync(Cluster, Sessions);

    [OneTimeTearDown]
    public async Task StopPoolerAsync()
    {
        if (_pooler is not null)
            await _pooler.DisposeAsync();
    }

    [SetUp]
    public void OpenStore() => _store = NewStore(options =>
        (options.ConnectionString, options.AutoPrepare, options.MaxPoolSize, options.ApplicationName) = (_pooler.ConnectionString, false, 50, "pooled"));

    [TearDown]
    public async Task CloseStoreAsync() => await _store.DisposeAsync();

    [Test]
    public async Task Every_call_works_through_a_pooler_in_transaction_mode()
    {
        var stored = await _store.StoreAsync(new NewMemory("one", MemoryType.Project) { Tags = ["a"], Metadata = new() { ["n"] = 1 } });
        var again = await _store.StoreAsync(new NewMemory("one", MemoryType.Project));
        var many = await _store.StoreManyAsync(Enumerable.Range(0, 1000).Select(i => new NewMemory($"memory {i}", MemoryType.Rag)));
        await _store.StoreAsync(new NewMemory("soon gone", MemoryType.Rag) { ExpiresAt = DateTimeOffset.UtcNow.AddMilliseconds(1) });

        Assert.That((again.Id, again.Outcome), Is.EqualTo((stored.Id, StoreOutcome.AlreadyStored)));
        Assert.That(many.Select(result => result.Outcome), Is.All.EqualTo(StoreOutcome.Created));
        foreach (var mode in Enum.GetValues<SearchMode>())
            Assert.That(await _store.SearchAsync(new MemoryQuery("memory 7") { Mode = mode, Types = [MemoryType.Rag] }), Is.Not.Empty);
        Assert.That((await _store.UpdateAsync(stored.Id, new MemoryUpdate { Content = "two", Importance = 1 }))!.Content, Is.EqualTo("two"));
        Assert.That((await _store.GetAsync(stored.Id))!.Importance, Is.EqualTo(1));
        Assert.That(await _store.CountAsync(new MemoryFilter { Types = [MemoryType.Rag] }), Is.EqualTo(1000));
        Assert.That((await _store.GetStatisticsAsync()).Count, Is.EqualTo(1001));
        var listed = 0;
        await foreach (var _ in _store.ListAsync(new MemoryFilter()))
            listed++;
        Assert.That(listed, Is.EqualTo(1001));
        await Eventually.TrueAsync(async () => await _store.PurgeExpiredAsync() == 1, "the expired memory is purged");
        Assert.That(await _store.DeleteAsync(stored.Id), Is.True);
        Assert.That(await _store.DeleteManyAsync(new MemoryFilter()), Is.EqualTo(1000));
    }

    [Test]
    public async Task A_thousand_callers_share_the_poolers_few_sessions_without_an_error()
    {
        await _store.StoreManyAsync(Enumerable.Range(0, 200).Select(i => new NewMemory($"memory {i}", MemoryType.Rag)));

        await Task.WhenAll(Enumerable.Range(0, 1000).Select(i => Task.Run<object?>(async () => (i % 4) switch
        {
            0 => await _store.StoreAsync(new NewMemory($"caller {i}", MemoryType.Agent)),
            1 => await _store.CountAsync(new MemoryFilter { Types = [MemoryType.Rag] }),
            _ => await _store.SearchAsync(new MemoryQuery($"memory {i % 200}") { Limit = 1 + (i % 20) }),
        })));

        Assert.That(await _store.CountAsync(new MemoryFilter { Types = [MemoryType.Agent] }), Is.EqualTo(250));
        Assert.That(await ScalarAsync<long>("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pooled'"), Is.InRange(1, Sessions));
    }

    [Test]
    public async Task Indexes_are_not_maintained_through_a_pooler_since_its_sessions_are_anybodys()
    {
        Assert.That(
            async () => await _store.MaintainIndexesAsync(),
            Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contain("connection pooler in front of the server"));
        Assert.That((await Store.MaintainIndexesAsync()).Rows, Is.Zero, "a direct connection may");
    }

    [Test]
    public async Task A_search_leaves_nothing_behind_in_the_session_that_the_next_client_gets()
    {
        await _store.SearchAsync(new MemoryQuery("anything"));

        await using var other = new Npgsql.NpgsqlConnection(_pooler.ConnectionString + ";Pooling=false");
        await other.OpenAsync();
        await using var command = new Npgsql.NpgsqlCommand(
            """
            SELECT current_setting('random_page_cost') || ' ' || current_setting('jit') || ' ' || current_setting('plan_cache_mode') || ' '
                || current_setting('transaction_read_only') || ' ' || (SELECT count(*) FROM pg_prepared_statements)
            """, other);
        Assert.That(await command.ExecuteScalarAsync(), Is.EqualTo("4 on auto off 0"));
    }
}
