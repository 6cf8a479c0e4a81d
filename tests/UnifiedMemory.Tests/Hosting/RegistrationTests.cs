using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
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

        Assert.That(services.Count(service => service.ServiceType == typeof(IHostedService)), Is.EqualTo(1));
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
