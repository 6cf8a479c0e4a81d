using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace UnifiedMemory.Tests.Hosting;

public sealed class RegistrationTests : StoreFixture
{
    [Test]
    public async Task A_host_migrates_on_start_and_serves_one_store()
    {
        await TestServer.ExecuteAsync($"DROP SCHEMA {Prefix}memories CASCADE");
        using var host = BuildHost(services => services.AddUnifiedMemory(Use).UseEmbeddingProvider(_ => Embeddings)
            .Configure(options => options.MigrateOnStart = MigrateOnStart.Apply));

        await host.StartAsync();
        var store = host.Services.GetRequiredService<UnifiedMemoryStore>();
        await store.StoreAsync(new NewMemory("from a host", MemoryType.Project));
        await host.StopAsync();

        Assert.That(host.Services.GetRequiredService<UnifiedMemoryStore>(), Is.SameAs(store));
        Assert.That(await Store.CountAsync(new MemoryFilter()), Is.EqualTo(1));
    }

    [Test]
    public async Task A_host_that_only_checks_does_not_start_on_an_old_schema()
    {
        await Store.MigrateDownAsync(1);
        using var host = BuildHost(services => services.AddUnifiedMemory(Use).UseEmbeddingProvider(_ => Embeddings)
            .Configure(options => options.MigrateOnStart = MigrateOnStart.Check));

        Assert.That(async () => await host.StartAsync(), Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contain("lacks version 2"));
        Assert.That((await Store.GetMigrationStatusAsync()).Applied, Is.EqualTo(new long[] { 1 }));
    }

    [Test]
    public async Task A_second_store_is_registered_under_its_key()
    {
        using var host = BuildHost(services =>
        {
            services.AddUnifiedMemory(Use).UseEmbeddingProvider(_ => Embeddings);
            services.AddUnifiedMemory("reports", options =>
            {
                Use(options);
                options.SchemaPrefix = Prefix + "r_";
                options.MigrateOnStart = MigrateOnStart.Apply;
            }).UseEmbeddingProvider(_ => new RecordingEmbeddingProvider(dimensions: 4));
        });
        await host.StartAsync();
        try
        {
            var reports = host.Services.GetRequiredKeyedService<UnifiedMemoryStore>("reports");
            await reports.StoreAsync(new NewMemory("angle 0", MemoryType.Rag));

            Assert.That(reports, Is.Not.SameAs(host.Services.GetRequiredService<UnifiedMemoryStore>()));
            Assert.That(await reports.CountAsync(new MemoryFilter()), Is.EqualTo(1));
            Assert.That(await Store.CountAsync(new MemoryFilter()), Is.Zero);
        }
        finally
        {
            await host.StopAsync();
            await TestServer.ExecuteAsync($"DROP SCHEMA IF EXISTS {Prefix}r_memories CASCADE");
        }
    }

    [Test]
    public void Registering_twice_adds_options_and_no_second_store()
    {
        var services = new ServiceCollection();
        services.AddUnifiedMemory(options => options.ConnectionString = "Host=one");
        services.AddUnifiedMemory(options => options.MaxPoolSize = 33);

        Assert.That(services.Count(service => service.ServiceType == typeof(IHostedService)), Is.EqualTo(2), "one for the store, one for its insights");
        using var provider = services.BuildServiceProvider();
        var options = provider.GetRequiredService<Microsoft.Extensions.Options.IOptions<UnifiedMemoryOptions>>().Value;
        Assert.That((options.ConnectionString, options.MaxPoolSize), Is.EqualTo(("Host=one", 33)));
    }

    [Test]
    public void Ollama_with_nomic_embed_text_is_the_default_provider()
    {
        var services = new ServiceCollection();
        services.AddUnifiedMemory(options => options.ConnectionString = "Host=one");
        using var provider = services.BuildServiceProvider();

        var embeddings = provider.GetRequiredKeyedService<IEmbeddingProvider>("");

        Assert.That(embeddings, Is.InstanceOf<OllamaEmbeddingProvider>());
        Assert.That((embeddings.Model, embeddings.Dimensions), Is.EqualTo(("nomic-embed-text", 768)));
    }

    [Test]
    public async Task A_connection_string_with_several_hosts_finds_the_primary()
    {
        await Store.MigrateDownAsync(0);
        var one = new NpgsqlConnectionStringBuilder(TestServer.ConnectionString);
        await using var store = NewStore(options => options.ConnectionString = new NpgsqlConnectionStringBuilder(TestServer.ConnectionString)
        {
            Host = $"127.0.0.1:1,{one.Host}:{one.Port}",
        }.ConnectionString);

        await store.MigrateAsync();
        await store.StoreAsync(new NewMemory("angle 0", MemoryType.Rag));

        Assert.That(await store.SearchAsync(new MemoryQuery("angle 0")), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task A_host_purges_what_has_expired()
    {
        await Store.StoreAsync(new NewMemory("gone", MemoryType.Rag) { ExpiresAt = DateTimeOffset.UtcNow.AddSeconds(-1) });
        using var host = BuildHost(services => services.AddUnifiedMemory(Use).UseEmbeddingProvider(_ => Embeddings)
            .Configure(options => options.PurgeInterval = TimeSpan.FromSeconds(1)));
        await host.StartAsync();

        await Eventually.TrueAsync(async () => await TestServer.ScalarAsync<long>($"SELECT count(*) FROM {Table}") == 0, "the row is deleted");
        await host.StopAsync();
    }

    [Test]
    public async Task Hosts_look_after_the_indexes_and_one_of_them_does_it()
    {
        await Store.StoreManyAsync(Enumerable.Range(0, 400).Select(i => new NewMemory($"memory {i}", MemoryType.Rag)));
        var lines = new List<string>();
        var hosts = Enumerable.Range(0, 3).Select(_ => BuildHost(services =>
        {
            services.AddLogging(logging => logging.AddProvider(new ListLogger(lines)));
            services.AddUnifiedMemory(Use).UseEmbeddingProvider(_ => Embeddings).Configure(options =>
                (options.Indexes.Interval, options.Indexes.Threshold) = (TimeSpan.FromSeconds(1), 300));
        })).ToList();
        await Task.WhenAll(hosts.Select(host => host.StartAsync()));

        await Eventually.TrueAsync(() => Count("has a recall at 20") > 0, "the index is built and measured");
        await Task.WhenAll(hosts.Select(host => host.StopAsync()));
        hosts.ForEach(host => host.Dispose());

        Assert.That(Count("Built index memories_embedding "), Is.EqualTo(1));
        Assert.That(Count("failed"), Is.Zero);

        int Count(string text)
        {
            lock (lines)
                return lines.Count(line => line.Contains(text, StringComparison.Ordinal));
        }
    }

    [Test]
    public async Task A_host_whose_role_may_not_says_so_and_goes_on()
    {
        var role = Prefix + "reader";
        await TestServer.ExecuteAsync(
            $"""
            CREATE ROLE {role} LOGIN PASSWORD 'app-password';
            GRANT USAGE ON SCHEMA {Prefix}memories TO {role};
            GRANT SELECT ON ALL TABLES IN SCHEMA {Prefix}memories TO {role};
            """);
        try
        {
            var lines = new List<string>();
            using var host = BuildHost(services =>
            {
                services.AddLogging(logging => logging.AddProvider(new ListLogger(lines)));
                services.AddUnifiedMemory(Use).UseEmbeddingProvider(_ => Embeddings).Configure(options =>
                {
                    options.ConnectionString = new NpgsqlConnectionStringBuilder(TestServer.ConnectionString) { Username = role, Password = "app-password" }.ConnectionString;
                    options.Indexes.Interval = TimeSpan.FromSeconds(1);
                });
            });
            await host.StartAsync();
            await Eventually.TrueAsync(
                () =>
                {
                    lock (lines)
                        return lines.Any(line => line.Contains("This host does not maintain indexes", StringComparison.Ordinal) && line.Contains(role, StringComparison.Ordinal));
                },
                "the host says so");
            Assert.That(await host.Services.GetRequiredService<UnifiedMemoryStore>().CountAsync(new MemoryFilter()), Is.Zero);
            await host.StopAsync();
        }
        finally
        {
            await TestServer.ExecuteAsync($"DROP OWNED BY {role}; DROP ROLE {role}");
        }
    }

    private void Use(UnifiedMemoryOptions options)
    {
        options.ConnectionString = TestServer.ConnectionString;
        options.SchemaPrefix = Prefix;
    }

    private static IHost BuildHost(Action<IServiceCollection> configure)
    {
        var builder = Host.CreateApplicationBuilder();
        configure(builder.Services);
        return builder.Build();
    }
}
