using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using UnifiedMemory.SessionBuddy;

namespace UnifiedMemory.Tests.SessionBuddy;

/// <summary>From a memory in the store to a reflection of Session-Buddy, with a host between them.</summary>
public sealed class EndToEndTests : StoreFixture
{
    [Test]
    public async Task Every_insight_arrives_once_though_Session_Buddy_is_restarted_and_its_file_steps_in()
    {
        using var file = new ReflectionDatabase(FileLayouts.Current);
        await using var server = await SessionBuddyStandIn.StartAsync();
        var builder = Host.CreateApplicationBuilder();
        builder.Services.AddUnifiedMemory(options => (options.ConnectionString, options.SchemaPrefix) = (TestServer.ConnectionString, Prefix))
            .UseEmbeddingProvider(_ => Embeddings)
            .AddSessionBuddy(options =>
                (options.Endpoint, options.FileUse, options.FilePath) = (server.Endpoint, SessionBuddyFileUse.WhenServerIsDown, file.Path));
        using var host = builder.Build();
        await host.StartAsync();
        var store = host.Services.GetRequiredService<UnifiedMemoryStore>();
        var stored = new HashSet<string>();

        await StoreAsync(0);
        await Eventually.TrueAsync(() => server.Stored.Count == 5, "the server has the first");
        await server.StopAsync();
        await StoreAsync(1);

        // The file is not looked into meanwhile: a process opens it once, for reading only if that came first.
        await Eventually.TrueAsync(async () => (await store.GetInsightBacklogAsync()).All(sink => sink.Pending == 0), "the second is delivered");
        Assert.That(file.Single<long>("SELECT count(*) FROM reflections_v2"), Is.EqualTo(5), "the file has the second");
        await server.StartAgainAsync();
        await StoreAsync(2);
        await Eventually.TrueAsync(() => server.Stored.Count == 10, "the server has the third");
        await host.StopAsync();

        var received = server.Stored.SelectMany(reflection => reflection.Tags).Concat(file.Query("SELECT unnest(tags) FROM reflections_v2").Select(row => (string)row[0]!))
            .Where(tag => tag.StartsWith("memory_id:", StringComparison.Ordinal));
        Assert.That(received, Is.EquivalentTo(stored));

        async Task StoreAsync(int round)
        {
            for (var i = 0; i < 5; i++)
            {
                var memory = await store.StoreAsync(new NewMemory($"Always check insight {round}.{i} before you rely on it.", MemoryType.Insight));
                stored.Add($"memory_id:{memory.Id}");
            }
        }
    }
}
