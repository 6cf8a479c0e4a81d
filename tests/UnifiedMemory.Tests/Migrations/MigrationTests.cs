using UnifiedMemory.Postgres;

namespace UnifiedMemory.Tests.Migrations;

public sealed class MigrationTests : StoreFixture
{
    internal static readonly long[] AllVersions = [1, 2, 3, 4, 5, 6, 7, 8, 9];

    [Test]
    public async Task Every_step_goes_down_and_up_again()
    {
        for (var version = AllVersions.Length - 1; version >= 0; version--)
        {
            var down = await Store.MigrateDownAsync(version);
            Assert.That(down.Applied, Is.EqualTo(AllVersions.Take(version)));
            Assert.That(down.Pending, Is.EqualTo(AllVersions.Skip(version)));
            Assert.That(async () => await Store.CountAsync(new MemoryFilter()), Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contain("MigrateAsync"));

            var up = await Store.MigrateAsync();
            Assert.That(up.Applied, Is.EqualTo(AllVersions));
            Assert.That(up.Pending, Is.Empty);
            await Store.StoreAsync(new NewMemory($"after going down to {version}", MemoryType.Rag));
        }
    }

    [Test]
    public async Task Going_down_leaves_no_table_but_the_versions()
    {
        await Store.MigrateDownAsync(0);
        var tables = await TestServer.ScalarAsync<string>(
            $"SELECT string_agg(tablename, ' ') FROM pg_tables WHERE schemaname = '{Prefix}memories'");

        Assert.That(tables, Is.EqualTo("schema_versions"));
        Assert.That(async () => await Store.MigrateDownAsync(99), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contain($"0 (nothing) to {AllVersions[^1]}"));
    }

    [Test]
    public async Task Ten_hosts_migrate_at_once_and_one_does_it()
    {
        await TestServer.ExecuteAsync($"DROP SCHEMA {Prefix}memories CASCADE");
        var hosts = Enumerable.Range(0, 10).Select(_ => NewStore(options => options.MaxPoolSize = 2)).ToList();

        var results = await Task.WhenAll(hosts.Select(host => host.MigrateAsync()));

        Assert.That(results.Select(result => result.Applied), Is.All.EqualTo(AllVersions));
        Assert.That(
            await TestServer.ScalarAsync<long>($"SELECT count(*) FROM {Prefix}memories.schema_versions"), Is.EqualTo(AllVersions.Length), "each version is recorded once");
        await Task.WhenAll(hosts.Select(host => host.DisposeAsync().AsTask()));
    }

    [Test]
    public async Task A_newer_schema_is_refused()
    {
        await TestServer.ExecuteAsync($"INSERT INTO {Prefix}memories.schema_versions (version, description) VALUES (99, 'from the future')");
        await using var store = NewStore();

        Assert.That(async () => await store.CountAsync(new MemoryFilter()), Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contain("version 99, newer than this library"));
        Assert.That(async () => await store.MigrateAsync(), Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contain("Update the UnifiedMemory package"));
    }

    [Test]
    public async Task Another_model_of_the_same_dimension_is_refused()
    {
        await using var store = NewStore(embeddings: new RecordingEmbeddingProvider(model: "another"));

        Assert.That(
            async () => await store.SearchAsync(new MemoryQuery("anything")),
            Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contain("model is 'recording' in the store and 'another' here"));
        Assert.That(async () => await store.MigrateAsync(), Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contain("another embedding space"));
    }

    [Test]
    public async Task Other_dimensions_are_refused_with_both_numbers()
    {
        await using var store = NewStore(embeddings: new RecordingEmbeddingProvider(dimensions: 9));

        Assert.That(
            async () => await store.StoreAsync(new NewMemory("anything", MemoryType.Rag)),
            Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contain("dimensions is '8' in the store and '9' here"));
    }

    [Test]
    public async Task Any_text_in_a_space_is_recorded_as_it_is()
    {
        await Store.MigrateDownAsync(0);
        Embeddings.OnDescribe = space => space with { DocumentPrefix = "'; DROP \\ $(a) {0} @b :c 🧠\nGO\n", QueryPrefix = "", Digest = "d'" };

        await Store.MigrateAsync();
        await using var store = NewStore();

        Assert.That(await store.CountAsync(new MemoryFilter()), Is.Zero, "it is the same space");
        Assert.That(await TestServer.ScalarAsync<string>($"SELECT digest FROM {Prefix}memories.embedding_space"), Is.EqualTo("d'"));
    }

    [Test]
    public async Task A_digest_that_becomes_known_later_is_recorded_and_then_compared()
    {
        Embeddings.OnDescribe = space => space with { Digest = "one" };
        await Store.MigrateAsync();
        Embeddings.OnDescribe = space => space;
        await Store.MigrateAsync();
        Embeddings.OnDescribe = space => space with { Digest = "two" };

        Assert.That(async () => await Store.MigrateAsync(), Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contain("digest is 'one' in the store and 'two' here"));
    }

    [TestCase("two")]
    [TestCase("one")]
    [TestCase(null)]
    public async Task A_digest_that_was_not_known_at_opening_is_compared_before_the_first_vector_is_used(string? later)
    {
        Embeddings.OnDescribe = space => space with { Digest = "one" };
        await Store.MigrateAsync();
        string? digest = null;
        var asked = 0;
        var embeddings = new RecordingEmbeddingProvider
        {
            OnDescribe = space =>
            {
                asked++;
                return space with { Digest = digest };
            },
        };
        await using var store = NewStore(embeddings: embeddings);
        await store.CountAsync(new MemoryFilter());
        digest = later;

        if (later == "two")
        {
            Func<Task>[] calls =
            [
                () => store.StoreAsync(new NewMemory("angle 0", MemoryType.Rag)),
                () => store.StoreManyAsync([new NewMemory("angle 0", MemoryType.Rag), new NewMemory("angle 1", MemoryType.Rag)]),
                () => store.SearchAsync(new MemoryQuery("angle 0")),
            ];
            foreach (var call in calls)
                Assert.That(async () => await call(), Throws.TypeOf<UnifiedMemoryException>().With.Message.Contain("digest is 'one' in the store and 'two' here"));
            Assert.That(await store.CountAsync(new MemoryFilter()), Is.Zero);
            return;
        }

        await store.StoreAsync(new NewMemory("angle 0", MemoryType.Rag));
        await store.SearchAsync(new MemoryQuery("angle 0"));
        Assert.That(asked, Is.EqualTo(2), "at opening, and once after");
    }

    [Test]
    public async Task Vectors_without_a_record_of_their_space_are_refused_to_every_model()
    {
        await Store.StoreAsync(new NewMemory("angle 1", MemoryType.Rag));
        await TestServer.ExecuteAsync($"DELETE FROM {Prefix}memories.embedding_space");
        foreach (var embeddings in new[] { Embeddings, new RecordingEmbeddingProvider(model: "another"), new RecordingEmbeddingProvider(dimensions: 5) })
        {
            await using var store = NewStore(embeddings: embeddings);
            Assert.That(
                async () => await store.StoreAsync(new NewMemory("angle 2", MemoryType.Rag)),
                Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contain("embedding_space is empty").And.Message.Contain("MigrateDownAsync(0)"));
            Assert.That(async () => await store.MigrateAsync(), Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contain("is empty"));
        }

        await using var another = NewStore(embeddings: new RecordingEmbeddingProvider(dimensions: 5));
        await another.MigrateDownAsync(0);
        await another.MigrateAsync();
        Assert.That((await another.StoreAsync(new NewMemory("angle 2", MemoryType.Rag))).Outcome, Is.EqualTo(StoreOutcome.Created), "the way out");
    }

    [Test]
    public Task An_old_pgvector_is_not_created() => InDatabaseOfItsOwnAsync(async (connection, execute) =>
    {
        await execute("CREATE SCHEMA old; CREATE VIEW old.pg_available_extensions AS SELECT name 'vector' AS name, '0.6.0' AS default_version");
        await using var store = NewStore(options => options.ConnectionString = connection + ";Search Path=old,pg_catalog,public");

        Assert.That(
            async () => await store.MigrateAsync(),
            Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contain("has pgvector 0.6.0; at least 0.8.0").And.Message.Contain("wiki.postgresql.org/wiki/Apt"));
        await execute("CREATE EXTENSION vector"); // fails when it is there
    });

    [Test]
    public Task A_database_with_an_old_pgvector_is_refused_with_what_to_run() => InDatabaseOfItsOwnAsync(async (connection, execute) =>
    {
        await using var migrating = NewStore(options => options.ConnectionString = connection);
        await migrating.MigrateAsync();
        await execute("UPDATE pg_extension SET extversion = '0.7.4' WHERE extname = 'vector'");
        await using var store = NewStore(options => options.ConnectionString = connection);

        Assert.That(
            async () => await store.CountAsync(new MemoryFilter()),
            Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contain("has pgvector 0.7.4; at least 0.8.0").And.Message.Contain("ALTER EXTENSION vector UPDATE;"));
        Assert.That(async () => await store.MigrateAsync(), Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contain("0.7.4"));
    });

    [TestCase("Search Path")]
    [TestCase("ALTER EXTENSION")]
    public Task A_pgvector_in_another_schema_is_found_after_either_way_out(string wayOut) => InDatabaseOfItsOwnAsync(async (connection, execute) =>
    {
        await execute("CREATE SCHEMA \"Add-ons\"; CREATE EXTENSION vector SCHEMA \"Add-ons\"");
        await using var store = NewStore(options => options.ConnectionString = connection);
        var failure = Assert.ThrowsAsync<UnifiedMemoryException>(async () => await store.MigrateAsync())!;

        const string searchPath = "Search Path='\"Add-ons\",public'";
        const string alter = "ALTER EXTENSION vector SET SCHEMA public;";
        Assert.That(failure.Message, Does.Contain(searchPath).And.Contain(alter));
        if (wayOut == "ALTER EXTENSION")
            await execute(alter);
        await using var again = NewStore(options => options.ConnectionString = wayOut == "ALTER EXTENSION" ? connection : connection + ";" + searchPath);
        await again.MigrateAsync();
        await again.StoreManyAsync(Enumerable.Range(0, 30).Select(i => new NewMemory($"angle {i}", MemoryType.Rag)));
        Assert.That((await again.SearchAsync(new MemoryQuery("angle 7")))[0].Record.Content, Is.EqualTo("angle 7"));
    });

    [Test]
    public async Task A_store_opened_before_another_process_migrated_works_afterwards()
    {
        var database = $"late_{Guid.NewGuid():N}"[..20];
        await TestServer.ExecuteAsync($"CREATE DATABASE {database}");
        try
        {
            var connection = new Npgsql.NpgsqlConnectionStringBuilder(TestServer.ConnectionString) { Database = database }.ConnectionString;
            await using var early = NewStore(options => options.ConnectionString = connection);
            await using var migrating = NewStore(options => (options.ConnectionString, options.MaxPoolSize) = (connection, 1));
            Assert.That(async () => await early.CountAsync(new MemoryFilter()), Throws.InstanceOf<UnifiedMemoryException>());

            await migrating.MigrateAsync();

            await early.StoreAsync(new NewMemory("angle 0", MemoryType.Rag));
            Assert.That(await early.SearchAsync(new MemoryQuery("angle 0")), Has.Count.EqualTo(1));
        }
        finally
        {
            await TestServer.ExecuteAsync($"DROP DATABASE {database} WITH (FORCE)");
        }
    }

    [Test]
    public async Task A_waiting_host_goes_on_when_the_lock_holder_is_killed()
    {
        await Store.MigrateDownAsync(0);
        await using var holder = new Npgsql.NpgsqlConnection(TestServer.ConnectionString + ";Pooling=false");
        await holder.OpenAsync();
        Assert.That(await SessionLock.Migration(new StoreSchema(Prefix)).TryTakeAsync(holder, CancellationToken.None), Is.True);
        var waiting = Store.MigrateAsync();
        await OtherHostHasPolledAsync();
        Assert.That(waiting.IsCompleted, Is.False, "the lock is held");

        await TestServer.ExecuteAsync($"SELECT pg_terminate_backend({holder.ProcessID})");

        Assert.That((await waiting.WaitAsync(TimeSpan.FromSeconds(30))).Applied, Is.EqualTo(AllVersions));
    }

    [Test]
    public async Task A_waiting_host_blocks_no_concurrent_index_build()
    {
        await using var holder = new Npgsql.NpgsqlConnection(TestServer.ConnectionString + ";Pooling=false");
        await holder.OpenAsync();
        Assert.That(await SessionLock.Migration(new StoreSchema(Prefix)).TryTakeAsync(holder, CancellationToken.None), Is.True);
        var waiting = Store.MigrateAsync();

        await OtherHostHasPolledAsync();
        await using (var build = new Npgsql.NpgsqlCommand($"CREATE INDEX CONCURRENTLY probe ON {Table} (kind)", holder) { CommandTimeout = 20 })
            await build.ExecuteNonQueryAsync();
        await holder.CloseAsync();
        await waiting.WaitAsync(TimeSpan.FromSeconds(30));

        Assert.That(await TestServer.ScalarAsync<bool>(
            $"SELECT indisvalid FROM pg_index WHERE indexrelid = '{Prefix}memories.probe'::regclass"), Is.True);
    }

    [Test]
    public async Task A_migration_waits_for_an_index_that_is_built_and_not_inside_a_lock_of_the_table()
    {
        await Store.MigrateDownAsync(2);
        await using var holder = new Npgsql.NpgsqlConnection(TestServer.ConnectionString + ";Pooling=false");
        await holder.OpenAsync();
        Assert.That(await SessionLock.IndexMaintenance(new StoreSchema(Prefix)).TryTakeAsync(holder, CancellationToken.None), Is.True);
        var waiting = Store.MigrateAsync();
        await OtherHostHasPolledAsync();

        Assert.That(waiting.IsCompleted, Is.False, "somebody maintains the indexes");
        await holder.CloseAsync();
        Assert.That((await waiting.WaitAsync(TimeSpan.FromSeconds(30))).Applied, Is.EqualTo(AllVersions));
    }

    [Test]
    public async Task A_role_that_may_not_create_the_extension_is_told_what_to_run()
    {
        var database = $"noext_{Guid.NewGuid():N}"[..20];
        await TestServer.ExecuteAsync($"CREATE DATABASE {database}");
        await TestServer.ExecuteAsync($"CREATE ROLE {database} LOGIN PASSWORD 'secret-word'; GRANT CREATE ON DATABASE {database} TO {database}");
        try
        {
            var connection = new Npgsql.NpgsqlConnectionStringBuilder(TestServer.ConnectionString)
            {
                Database = database,
                Username = database,
                Password = "secret-word",
                Pooling = false,
            };
            await using var store = NewStore(options => options.ConnectionString = connection.ConnectionString);
            Assert.That(
                async () => await store.MigrateAsync(),
                Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contain("CREATE EXTENSION vector;").And.Message.Contain(database)
                    .And.Message.Not.Contain("secret-word"));
        }
        finally
        {
            await TestServer.ExecuteAsync($"DROP DATABASE {database} WITH (FORCE)");
            await TestServer.ExecuteAsync($"DROP ROLE {database}");
        }
    }

    /// <summary>With its connection string, and a way to run SQL there.</summary>
    private static async Task InDatabaseOfItsOwnAsync(Func<string, Func<string, Task>, Task> test)
    {
        var database = $"own_{Guid.NewGuid():N}"[..20];
        await TestServer.ExecuteAsync($"CREATE DATABASE {database}");
        try
        {
            var connectionString = new Npgsql.NpgsqlConnectionStringBuilder(TestServer.ConnectionString) { Database = database, Pooling = false }.ConnectionString;
            await test(connectionString, async sql =>
            {
                await using var connection = new Npgsql.NpgsqlConnection(connectionString);
                await connection.OpenAsync();
                await using var command = new Npgsql.NpgsqlCommand(sql, connection);
                await command.ExecuteNonQueryAsync();
            });
        }
        finally
        {
            await TestServer.ExecuteAsync($"DROP DATABASE {database} WITH (FORCE)");
        }
    }

    private static Task OtherHostHasPolledAsync() => Eventually.TrueAsync(
        async () => await TestServer.ScalarAsync<long>("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_try_advisory_lock%' AND state = 'idle'") >= 2,
        "the other host has polled");
}
