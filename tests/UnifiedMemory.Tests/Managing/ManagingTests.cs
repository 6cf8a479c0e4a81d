using Microsoft.Extensions.Time.Testing;

namespace UnifiedMemory.Tests.Managing;

public sealed class ManagingTests : StoreFixture
{
    [Test]
    public async Task New_content_is_embedded_and_found_under_its_new_meaning()
    {
        var stored = await Store.StoreAsync(new NewMemory("angle 0", MemoryType.Rag) { Tags = ["keep"] });
        var updated = await Store.UpdateAsync(stored.Id, new MemoryUpdate { Content = "angle 90" });

        Assert.That(updated!.Content, Is.EqualTo("angle 90"));
        Assert.That(updated.Tags, Is.EqualTo(new[] { "keep" }));
        Assert.That((await Store.SearchAsync(new MemoryQuery("angle 90")))[0].Similarity, Is.EqualTo(1).Within(1e-6));
        Assert.That((await Store.StoreAsync(new NewMemory("angle 0", MemoryType.Rag))).Outcome, Is.EqualTo(StoreOutcome.Created), "the old text is free again");
    }

    [Test]
    public async Task Unchanged_content_is_not_embedded_again()
    {
        var stored = await Store.StoreAsync(new NewMemory("angle 0", MemoryType.Rag));
        var updated = await Store.UpdateAsync(stored.Id, new MemoryUpdate
        {
            Content = "angle 0",
            Kind = "k",
            Importance = 1,
            Tags = ["t"],
            Metadata = new() { ["a"] = 1 },
            ExpiresAt = DateTimeOffset.UtcNow.AddHours(1),
        });

        Assert.That(Embeddings.Embedded, Has.Count.EqualTo(1));
        Assert.That(updated, Is.Not.Null);
        Assert.Multiple(() =>
        {
            Assert.That(updated!.Kind, Is.EqualTo("k"));
            Assert.That(updated.Importance, Is.EqualTo(1));
            Assert.That(updated.Tags, Is.EqualTo(new[] { "t" }));
            Assert.That((int)updated.Metadata["a"]!, Is.EqualTo(1));
            Assert.That(updated.ExpiresAt, Is.Not.Null);
        });

        var cleared = await Store.UpdateAsync(stored.Id, new MemoryUpdate { Kind = "", ExpiresAt = DateTimeOffset.MaxValue });
        Assert.That((cleared!.Kind, cleared.ExpiresAt), Is.EqualTo(((string?)null, (DateTimeOffset?)null)));
    }

    [Test]
    public async Task An_update_to_the_content_of_another_memory_is_refused()
    {
        await Store.StoreAsync(new NewMemory("angle 0", MemoryType.Rag));
        var second = await Store.StoreAsync(new NewMemory("angle 90", MemoryType.Rag));

        Assert.That(
            async () => await Store.UpdateAsync(second.Id, new MemoryUpdate { Content = "angle 0" }),
            Throws.InvalidOperationException.With.Message.Contain(second.Id.ToString()));
        Assert.That((await Store.GetAsync(second.Id))!.Content, Is.EqualTo("angle 90"));
    }

    [Test]
    public async Task An_expired_memory_is_not_in_the_way_of_an_update()
    {
        await Store.StoreAsync(new NewMemory("angle 0", MemoryType.Rag) { ExpiresAt = DateTimeOffset.UtcNow.AddMinutes(-1) });
        var second = await Store.StoreAsync(new NewMemory("angle 90", MemoryType.Rag));

        Assert.That((await Store.UpdateAsync(second.Id, new MemoryUpdate { Content = "angle 0" }))!.Content, Is.EqualTo("angle 0"));
        Assert.That((await Store.StoreAsync(new NewMemory("angle 0", MemoryType.Rag))).Id, Is.EqualTo(second.Id));
    }

    [Test]
    public async Task What_is_not_there_is_said_so()
    {
        var unknown = Guid.CreateVersion7();
        Assert.That(await Store.GetAsync(unknown), Is.Null);
        Assert.That(await Store.DeleteAsync(unknown), Is.False);
        Assert.That(await Store.UpdateAsync(unknown, new MemoryUpdate { Importance = 1 }), Is.Null);
        Assert.That(await Store.UpdateAsync(unknown, new MemoryUpdate { Content = "new" }), Is.Null);
    }

    [Test]
    public async Task Deleting_by_filter_deletes_what_counting_counts()
    {
        await Store.StoreManyAsync(Enumerable.Range(0, 100).Select(i => new NewMemory($"memory {i}", MemoryType.Rag)
        {
            AgentId = i % 4 == 0 ? "a" : "b",
            Namespace = i % 2 == 0 ? "default" : "other",
        }));
        var filter = new MemoryFilter { AgentId = "a" };

        Assert.That(await Store.CountAsync(filter), Is.EqualTo(25));
        Assert.That(await Store.DeleteManyAsync(filter), Is.EqualTo(25));
        Assert.That(await Store.CountAsync(filter), Is.Zero);
        Assert.That(await Store.CountAsync(new MemoryFilter { Namespace = MemoryFilter.AllNamespaces }), Is.EqualTo(75));
    }

    [Test]
    public async Task A_list_streams_every_memory_once()
    {
        var stored = await Store.StoreManyAsync(Enumerable.Range(0, 1234).Select(i => new NewMemory($"memory {i}", MemoryType.Rag)
        {
            Namespace = i % 3 == 0 ? "a" : "b",
        }));

        var listed = await ToListAsync(Store.ListAsync(new MemoryFilter { Namespace = MemoryFilter.AllNamespaces }));

        Assert.That(listed.Select(memory => memory.Id), Is.EquivalentTo(stored.Select(result => result.Id)));
        Assert.That(await ToListAsync(Store.ListAsync(new MemoryFilter { Namespace = "a" })), Has.Count.EqualTo(412));
    }

    [Test]
    public async Task Expiry_hides_at_once_and_purging_deletes_later()
    {
        await Store.StoreManyAsync(Enumerable.Range(0, 1500).Select(i => new NewMemory($"memory {i}", MemoryType.Rag)
        {
            ExpiresAt = i < 1100 ? DateTimeOffset.UtcNow.AddSeconds(-1) : null,
        }));

        Assert.That(await Store.CountAsync(new MemoryFilter()), Is.EqualTo(400));
        Assert.That(await Store.SearchAsync(new MemoryQuery("memory 5") { Limit = 1000 }), Has.Count.EqualTo(400));
        Assert.That(await ToListAsync(Store.ListAsync(new MemoryFilter())), Has.Count.EqualTo(400));
        Assert.That((await Store.GetStatisticsAsync()).Expired, Is.EqualTo(1100));
        Assert.That(await Store.PurgeExpiredAsync(), Is.EqualTo(1100));
        Assert.That(await TestServer.ScalarAsync<long>($"SELECT count(*) FROM {Table}"), Is.EqualTo(400));
        Assert.That(await Store.PurgeExpiredAsync(), Is.Zero);
    }

    [Test]
    public async Task Statistics_count_everything()
    {
        var empty = await Store.GetStatisticsAsync();
        await Store.StoreManyAsync(Enumerable.Range(0, 50).Select(i => new NewMemory($"memory {i}", i < 20 ? MemoryType.Rag : MemoryType.Insight)
        {
            Namespace = $"n{i % 5}",
            CreatedAt = new DateTimeOffset(2026, 1, 1, 0, i, 0, TimeSpan.Zero),
        }));
        var full = await Store.GetStatisticsAsync();

        Assert.Multiple(() =>
        {
            Assert.That((empty.Count, empty.Oldest), Is.EqualTo((0L, (DateTimeOffset?)null)));
            Assert.That(full.Count, Is.EqualTo(50));
            Assert.That(full.CountByType[MemoryType.Rag], Is.EqualTo(20));
            Assert.That(full.CountByType[MemoryType.Insight], Is.EqualTo(30));
            Assert.That(full.CountByType[MemoryType.Agent], Is.Zero);
            Assert.That(full.Namespaces, Is.EqualTo(5));
            Assert.That(full.TableBytes, Is.GreaterThan(0));
            Assert.That(full.IndexBytes, Is.GreaterThan(0));
            Assert.That(full.Newest, Is.EqualTo(new DateTimeOffset(2026, 1, 1, 0, 49, 0, TimeSpan.Zero)));
        });
    }

    [Test]
    public async Task The_clock_of_the_store_is_the_given_one()
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2031, 5, 6, 7, 8, 9, TimeSpan.Zero));
        await using var store = UnifiedMemoryStore.Create(NewOptions(), Embeddings, timeProvider: clock);
        var stored = await store.StoreAsync(new NewMemory("from the future", MemoryType.Agent));

        Assert.That((await store.GetAsync(stored.Id))!.CreatedAt, Is.EqualTo(clock.GetUtcNow()));
    }
}
