using UnifiedMemory.TestSupport;

namespace UnifiedMemory.Tests.Embeddings;

internal sealed class EmbedderBatchingTests : EmbedderFixture
{
    [Test]
    public async Task A_thousand_concurrent_calls_become_few_bounded_batches()
    {
        var provider = new ScriptedProvider(new EmbeddingLimits(MaxBatchItems: 16, MaxConcurrentCalls: 2));
        var embedder = CreateEmbedder(provider);
        provider.Hold();

        var calls = Numbered(1000).Select(text => embedder.EmbedAsync(text, EmbeddingPurpose.Document, default)).ToArray();
        await provider.ArrivedAsync(2);
        provider.Release();
        var vectors = await Task.WhenAll(calls);

        Assert.That(vectors[999], Is.EqualTo(ScriptedProvider.VectorOf("text 999")));
        Assert.That(provider.BatchSizes, Has.All.LessThanOrEqualTo(16));
        Assert.That(provider.Calls, Has.Count.LessThanOrEqualTo(2 + 63), "the first two calls may be small, the others are full");
        Assert.That(provider.MaxConcurrency, Is.EqualTo(2));
    }

    [Test]
    public async Task A_thousand_concurrent_calls_reach_a_slow_service_as_few_bounded_requests()
    {
        await using var ollama = await OllamaStandIn.StartAsync();
        using var provider = new OllamaEmbeddingProvider(new OllamaOptions { BaseAddress = ollama.Address });
        var embedder = CreateEmbedder(provider);
        ollama.Hold();

        var calls = Numbered(1000).Select(text => embedder.EmbedAsync(text, EmbeddingPurpose.Query, default)).ToArray();
        ollama.Release();
        var vectors = await Task.WhenAll(calls);

        Assert.That(vectors[999], Is.EqualTo(ollama.VectorOf("search_query: text 999")).Within(1e-6f));
        Assert.That(ollama.Requests.Select(request => request.Inputs.Count), Has.All.LessThanOrEqualTo(16));
        Assert.That(ollama.EmbedCalls, Is.LessThan(100));
        Assert.That(ollama.MaxConcurrency, Is.LessThanOrEqualTo(2));
    }

    [Test]
    public async Task A_single_text_does_not_wait_for_a_batch_to_fill()
    {
        var provider = new ScriptedProvider();
        var embedder = CreateEmbedder(provider);
        await embedder.EmbedAsync("one", EmbeddingPurpose.Document, default);
        await embedder.EmbedAsync("two", EmbeddingPurpose.Document, default);
        Assert.That(provider.BatchSizes, Is.EqualTo([1, 1]));
    }

    [Test]
    public async Task Texts_that_pile_up_while_the_worker_is_busy_share_one_call_whoever_asked()
    {
        var provider = new ScriptedProvider(new EmbeddingLimits(MaxBatchItems: 10, MaxConcurrentCalls: 1));
        var embedder = CreateEmbedder(provider);
        provider.Hold();
        var first = embedder.EmbedAsync("first", EmbeddingPurpose.Document, default);
        await provider.ArrivedAsync();

        var single = embedder.EmbedAsync("single", EmbeddingPurpose.Document, default);
        var bulk = embedder.EmbedManyAsync(["bulk 1", "bulk 2"], EmbeddingPurpose.Document, default);
        provider.Release();
        await Task.WhenAll(first, single, bulk);

        Assert.That(provider.Calls.Last().Texts, Is.EqualTo(["single", "bulk 1", "bulk 2"]));
        Assert.That((await bulk)[1].Vector, Is.EqualTo(ScriptedProvider.VectorOf("bulk 2")));
    }

    [Test]
    public async Task Batches_are_bounded_by_characters_and_a_longer_text_goes_alone()
    {
        var provider = new ScriptedProvider(new EmbeddingLimits(MaxBatchItems: 100, MaxBatchCharacters: 10, MaxConcurrentCalls: 1));
        var embedder = CreateEmbedder(provider);
        string[] texts = ["aaaa", "bbbb", "cc", "d", new string('e', 50), "f"];

        await embedder.EmbedManyAsync(texts, EmbeddingPurpose.Document, default);

        Assert.That(provider.BatchSizes, Is.EqualTo([3, 1, 1, 1]));
    }

    [Test]
    public async Task Queries_overtake_documents_and_are_never_mixed_with_them()
    {
        var provider = new ScriptedProvider(new EmbeddingLimits(MaxConcurrentCalls: 1));
        var embedder = CreateEmbedder(provider);
        provider.Hold();
        var first = embedder.EmbedAsync("first", EmbeddingPurpose.Document, default);
        await provider.ArrivedAsync();

        var documents = embedder.EmbedManyAsync(Numbered(40), EmbeddingPurpose.Document, default);
        var query = embedder.EmbedAsync("query", EmbeddingPurpose.Query, default);
        provider.Release();
        await Task.WhenAll(first, documents, query);

        Assert.That(provider.Calls.ElementAt(1), Is.EqualTo((new List<string> { "query" }, EmbeddingPurpose.Query)));
        Assert.That(provider.BatchSizes, Is.EqualTo([1, 1, 16, 16, 8]));
    }

    [Test]
    public async Task Equal_texts_under_way_are_embedded_once_for_each_purpose()
    {
        var provider = new ScriptedProvider(new EmbeddingLimits(MaxConcurrentCalls: 2));
        var embedder = CreateEmbedder(provider, cacheCapacity: 0);
        provider.Hold();

        var calls = Enumerable.Range(0, 50)
            .Select(i => embedder.EmbedAsync("same", i % 2 == 0 ? EmbeddingPurpose.Query : EmbeddingPurpose.Document, default))
            .ToArray();
        var bulk = embedder.EmbedManyAsync(["same", "same"], EmbeddingPurpose.Query, default);
        await provider.ArrivedAsync(2);
        provider.Release();
        await Task.WhenAll(calls);

        Assert.That((await bulk).Select(result => result.Vector), Has.All.EqualTo(ScriptedProvider.VectorOf("same")));
        Assert.That(provider.Calls.Select(call => call.Purpose), Is.EquivalentTo([EmbeddingPurpose.Query, EmbeddingPurpose.Document]));
        Assert.That(provider.BatchSizes, Has.All.EqualTo(1));
    }

    [Test]
    public async Task A_text_asked_again_later_is_embedded_again_when_it_is_a_document_and_not_when_it_is_a_query()
    {
        var provider = new ScriptedProvider();
        var embedder = CreateEmbedder(provider);
        foreach (var purpose in new[] { EmbeddingPurpose.Document, EmbeddingPurpose.Query })
        {
            for (var i = 0; i < 3; i++)
                Assert.That(await embedder.EmbedAsync("text", purpose, default), Is.EqualTo(ScriptedProvider.VectorOf("text")));
        }

        var bulk = await embedder.EmbedManyAsync(["new", "text"], EmbeddingPurpose.Query, default);

        Assert.That(bulk[1].Vector, Is.EqualTo(ScriptedProvider.VectorOf("text")));
        Assert.That(provider.Calls.Count(call => call.Purpose == EmbeddingPurpose.Document), Is.EqualTo(3));
        Assert.That(
            provider.Calls.Where(call => call.Purpose == EmbeddingPurpose.Query).Select(call => call.Texts.Single()),
            Is.EqualTo(["text", "new"]));
    }

    [Test]
    public async Task The_cache_keeps_neither_very_long_queries_nor_more_than_its_capacity_nor_anything_when_it_is_off()
    {
        var provider = new ScriptedProvider();
        var cached = CreateEmbedder(provider, cacheCapacity: 8);
        var uncached = CreateEmbedder(provider, cacheCapacity: 0);
        var longText = new string('x', 10_000);

        foreach (var (embedder, text) in new[] { (cached, longText), (uncached, "short") })
        {
            provider.Calls.Clear();
            await embedder.EmbedAsync(text, EmbeddingPurpose.Query, default);
            await embedder.EmbedAsync(text, EmbeddingPurpose.Query, default);
            Assert.That(provider.Calls, Has.Count.EqualTo(2));
        }

        foreach (var text in Numbered(100))
            await cached.EmbedAsync(text, EmbeddingPurpose.Query, default);
        provider.Calls.Clear();
        foreach (var text in Numbered(100))
            await cached.EmbedAsync(text, EmbeddingPurpose.Query, default);
        Assert.That(provider.Calls, Has.Count.GreaterThanOrEqualTo(92));
    }

    [Test]
    public async Task No_texts_make_no_call()
    {
        var provider = new ScriptedProvider();
        Assert.That(await CreateEmbedder(provider).EmbedManyAsync([], EmbeddingPurpose.Document, default), Is.Empty);
        Assert.That(provider.Calls, Is.Empty);
    }
}
