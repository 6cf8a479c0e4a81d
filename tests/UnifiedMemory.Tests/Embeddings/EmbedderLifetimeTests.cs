
namespace UnifiedMemory.Tests.Embeddings;

internal sealed class EmbedderLifetimeTests : EmbedderFixture
{
    private static readonly EmbeddingLimits OneCall = new(MaxConcurrentCalls: 1);

    [Test]
    public async Task A_callers_cancellation_ends_its_own_waiting_and_nobody_elses()
    {
        var provider = new ScriptedProvider(OneCall);
        var embedder = CreateEmbedder(provider);
        provider.Hold();
        using var impatience = new CancellationTokenSource();
        var impatient = embedder.EmbedAsync("same", EmbeddingPurpose.Document, impatience.Token);
        var patient = embedder.EmbedAsync("same", EmbeddingPurpose.Document, default);
        await provider.ArrivedAsync();

        await impatience.CancelAsync();
        Assert.That(async () => await impatient, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(patient.IsCompleted, Is.False);
        provider.Release();

        Assert.That(await patient, Is.EqualTo(ScriptedProvider.VectorOf("same")));
        Assert.That(provider.Calls, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Texts_that_nobody_waits_for_any_more_are_not_sent()
    {
        var provider = new ScriptedProvider(OneCall);
        var embedder = CreateEmbedder(provider);
        provider.Hold();
        var first = embedder.EmbedAsync("first", EmbeddingPurpose.Document, default);
        await provider.ArrivedAsync();
        using var impatience = new CancellationTokenSource();
        var cancelled = embedder.EmbedManyAsync(Numbered(5), EmbeddingPurpose.Document, impatience.Token);
        var kept = embedder.EmbedAsync("text 3", EmbeddingPurpose.Document, default);

        await impatience.CancelAsync();
        Assert.That(async () => await cancelled, Throws.InstanceOf<OperationCanceledException>());
        provider.Release();
        await Task.WhenAll(first, kept);

        Assert.That(provider.Calls.SelectMany(call => call.Texts), Is.EqualTo(["first", "text 3"]));
    }

    [Test]
    public async Task A_text_that_everyone_gave_up_on_can_be_asked_again_while_its_call_still_hangs()
    {
        var provider = new ScriptedProvider(new EmbeddingLimits(MaxConcurrentCalls: 2));
        var embedder = CreateEmbedder(provider);
        provider.Hold();
        using var impatience = new CancellationTokenSource();
        var cancelled = embedder.EmbedAsync("text", EmbeddingPurpose.Query, impatience.Token);
        await provider.ArrivedAsync();
        await impatience.CancelAsync();
        Assert.That(async () => await cancelled, Throws.InstanceOf<OperationCanceledException>());

        var again = embedder.EmbedAsync("text", EmbeddingPurpose.Query, default);
        await provider.ArrivedAsync();
        provider.Release();

        Assert.That(await again, Is.EqualTo(ScriptedProvider.VectorOf("text")));
    }

    [Test]
    public async Task Disposal_cancels_the_call_under_way_and_fails_everyone_who_waits()
    {
        var provider = new ScriptedProvider(OneCall);
        var embedder = CreateEmbedder(provider);
        provider.Hold();
        var underWay = embedder.EmbedAsync("under way", EmbeddingPurpose.Document, default);
        await provider.ArrivedAsync();
        var queued = embedder.EmbedManyAsync(Numbered(40), EmbeddingPurpose.Query, default);

        embedder.Dispose();

        Assert.That(async () => await underWay, Throws.TypeOf<ObjectDisposedException>());
        Assert.That(async () => await queued, Throws.TypeOf<ObjectDisposedException>());
        await provider.CancelledAsync();
        Assert.That(provider.Calls, Has.Count.EqualTo(1), "queued texts are never sent");
        Assert.That(
            async () => await embedder.EmbedAsync("late", EmbeddingPurpose.Document, default), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public async Task Hundreds_of_cancellations_under_load_lose_no_other_result()
    {
        var provider = new ScriptedProvider(new EmbeddingLimits(MaxBatchItems: 8, MaxConcurrentCalls: 2));
        var embedder = CreateEmbedder(provider, cacheCapacity: 0);
        var calls = Enumerable.Range(0, 2000).Select(i => Task.Run(async () =>
        {
            using var cancellation = new CancellationTokenSource();
            var call = embedder.EmbedAsync($"text {i % 300}", EmbeddingPurpose.Query, cancellation.Token);
            if (i % 3 == 0)
                await cancellation.CancelAsync();
            try
            {
                Assert.That(await call, Is.EqualTo(ScriptedProvider.VectorOf($"text {i % 300}")));
                return true;
            }
            catch (OperationCanceledException) when (i % 3 == 0)
            {
                return false;
            }
        }));

        var outcomes = await Task.WhenAll(calls).WaitAsync(TimeSpan.FromMinutes(1));

        Assert.That(outcomes.Where((_, i) => i % 3 != 0), Has.All.True);
        Assert.That(outcomes, Has.Some.False, "some cancellation really came in time");
        Assert.That(provider.MaxConcurrency, Is.LessThanOrEqualTo(2));
    }
}
