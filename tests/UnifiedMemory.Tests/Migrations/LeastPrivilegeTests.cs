using Npgsql;
using UnifiedMemory.Tests.Insights;

namespace UnifiedMemory.Tests.Migrations;

/// <summary>The application's role needs no DDL: with the grants of the README it can do everything but migrate.</summary>
public sealed class LeastPrivilegeTests : StoreFixture
{
    private string _role = "";

    [SetUp]
    public async Task CreateRoleAsync()
    {
        _role = Prefix + "app";
        await TestServer.ExecuteAsync(
            $"""
            CREATE ROLE {_role} LOGIN PASSWORD 'app-password';
            GRANT USAGE ON SCHEMA {Prefix}memories TO {_role};
            GRANT SELECT, INSERT, UPDATE, DELETE
                ON {Table}, {Prefix}memories.insight_arrivals, {Outbox}, {Prefix}memories.patterns, {Prefix}memories.project_dependencies TO {_role};
            GRANT SELECT ON {Prefix}memories.schema_versions, {Prefix}memories.embedding_space, {Prefix}memories.vector_indexes TO {_role};
            """);
    }

    [TearDown]
    public Task DropRoleAsync() => TestServer.ExecuteAsync($"DROP OWNED BY {_role}; DROP ROLE {_role}");

    [Test]
    public async Task The_documented_grants_are_enough_for_everything_but_migrating()
    {
        var connection = new NpgsqlConnectionStringBuilder(TestServer.ConnectionString) { Username = _role, Password = "app-password" };
        await using var store = NewStore(options => options.ConnectionString = connection.ConnectionString, sinks: [new RecordingSink()]);

        var stored = await store.StoreAsync(new NewMemory("angle 0", MemoryType.Rag) { ExpiresAt = DateTimeOffset.UtcNow.AddHours(1) });
        await store.StoreManyAsync([new NewMemory("angle 10", MemoryType.Rag), new NewMemory("angle 20", MemoryType.Rag)]);
        Assert.That(await store.SearchAsync(new MemoryQuery("angle 0")), Has.Count.EqualTo(3));
        Assert.That(await store.UpdateAsync(stored.Id, new MemoryUpdate { Content = "angle 5", ExpiresAt = DateTimeOffset.UtcNow.AddHours(-1) }), Is.Not.Null);
        Assert.That(await store.PurgeExpiredAsync(), Is.EqualTo(1));
        Assert.That(await ToListAsync(store.ListAsync(new MemoryFilter())), Has.Count.EqualTo(2));
        Assert.That((await store.GetStatisticsAsync()).Count, Is.EqualTo(2));
        for (var count = 0; count < 2; count++)
            await store.StorePatternAsync(new ProjectPattern("retry", "shop", [], [], 0.5) { ApplicationCount = count });
        await store.AddDependencyAsync(new ProjectDependency("shop", "billing", ProjectDependencyType.Uses));
        await store.RemoveDependencyAsync(new ProjectDependency("shop", "billing", ProjectDependencyType.Uses));
        Assert.That((await store.GetMigrationStatusAsync()).Pending, Is.Empty);
        await store.StoreAsync(new NewMemory("angle 30", MemoryType.Insight));
        Assert.That((await store.DispatchPendingAsync()).Delivered, Is.EqualTo(1));
        Assert.That(await store.RequeueInsightsAsync(new QueuedInsightFilter()), Is.Zero);
        Assert.That(await store.DeleteManyAsync(new MemoryFilter()), Is.EqualTo(3));
        Assert.That(
            async () => await store.MaintainIndexesAsync(),
            Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contain($"the role '{_role}' does not own the table")
                .And.Property(nameof(UnifiedMemoryException.SqlState)).EqualTo("42501"));
        await Store.MigrateDownAsync(1);
        Assert.That(
            async () => await store.MigrateAsync(),
            Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contain("42501").And.Property(nameof(UnifiedMemoryException.IsTransient)).False);
        await Store.MigrateAsync();
    }

    [Test]
    public async Task The_documented_grants_show_how_frequent_words_are()
    {
        await Store.StoreManyAsync(Enumerable.Range(0, 100).Select(i => new NewMemory($"angle {i} quagga", MemoryType.Rag)));
        await TestServer.ExecuteAsync($"ANALYZE {Table}");

        Assert.That(
            await TestServer.ScalarAsync<string>(
                $"""
                SET ROLE {_role};
                SELECT most_common_elems::text FROM pg_stats WHERE schemaname = '{Prefix}memories' AND tablename = 'memories' AND attname = 'content_tsv'
                """),
            Does.Contain("quagga"), "the search reads them to bound its work");
    }
}
