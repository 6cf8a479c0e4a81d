namespace UnifiedMemory.Tests.Storing;

public sealed class StoringOrderTests : StoreFixture
{
    [Test]
    public async Task Memories_stored_together_with_one_time_are_in_their_order_by_id()
    {
        var time = new DateTimeOffset(2023, 5, 8, 13, 56, 0, TimeSpan.Zero);
        var contents = Enumerable.Range(0, 2_000).Select(i => $"memory {i}").ToList();

        await Store.StoreManyAsync(contents.Select(content => new NewMemory(content, MemoryType.Agent) { CreatedAt = time }));

        Assert.That(await ContentsInOrderAsync(), Is.EqualTo(contents));
    }

    [Test]
    public async Task A_default_time_is_in_the_order_given_also_when_a_later_batch_is_written_first()
    {
        Embeddings.OnEmbed = async (texts, _) =>
        {
            // The first batch waits until the others are through.
            if (texts.Contains("memory 0"))
                await Eventually.TrueAsync(() => Embeddings.Embedded.Count >= 60, "the other batches are embedded");
        };
        await using var store = NewStore(options => options.StoreBatchSize = 20);
        var contents = Enumerable.Range(0, 100).Select(i => $"memory {i}").ToList();

        var results = await store.StoreManyAsync(contents.Select(content => new NewMemory(content, MemoryType.Agent)));

        Assert.That(await ContentsInOrderAsync(), Is.EqualTo(contents));
        Assert.That(results.Select(result => result.Id), Is.Ordered);
    }

    private async Task<string[]> ContentsInOrderAsync() =>
        await TestServer.ScalarAsync<string[]>($"SELECT array_agg(content ORDER BY created_at, id) FROM {Table}");
}
