using UnifiedMemory.Embeddings;
using UnifiedMemory.TestSupport;

namespace UnifiedMemory.Tests.Embeddings;

internal sealed class EmbedderIsolationTests : EmbedderFixture
{
    private static readonly EmbeddingLimits OneBigCall = new(MaxBatchItems: 256, MaxConcurrentCalls: 1);

    [TestCase(16, 0)]
    [TestCase(16, 7)]
    [TestCase(16, 15)]
    [TestCase(256, 100)]
    public async Task One_poisonous_text_fails_alone_in_about_two_log2_n_calls(int count, int poisonous)
    {
        var provider = new ScriptedProvider(OneBigCall);
        var texts = Numbered(count);
        provider.Answer = Poisoned(new EmbeddingRejectedException("poison"), texts[poisonous]);

        var results = await CreateEmbedder(provider).EmbedManyAsync(texts, EmbeddingPurpose.Document, default);

        Assert.That(Failed(results), Is.EqualTo([poisonous]));
        Assert.That(results[poisonous].Error, Is.TypeOf<EmbeddingRejectedException>());
        Assert.That(
            results[(poisonous + 1) % count].Vector,
            Is.EqualTo(ScriptedProvider.VectorOf(texts[(poisonous + 1) % count])));
        Assert.That(provider.Calls, Has.Count.EqualTo((2 * (int)Math.Log2(count)) + 1));
    }

    [Test]
    public async Task Several_poisonous_texts_fail_and_every_other_succeeds()
    {
        var provider = new ScriptedProvider(OneBigCall);
        var texts = Numbered(64);
        provider.Answer = Poisoned(new EmbeddingRejectedException("poison"), texts[0], texts[1], texts[40]);
        var results = await CreateEmbedder(provider).EmbedManyAsync(texts, EmbeddingPurpose.Document, default);
        Assert.That(Failed(results), Is.EqualTo([0, 1, 40]));
    }

    [Test]
    public async Task A_batch_in_which_every_text_is_rejected_reports_each_and_does_not_throw()
    {
        var provider = new ScriptedProvider(OneBigCall) { Answer = _ => throw new EmbeddingRejectedException("poison") };
        var results = await CreateEmbedder(provider).EmbedManyAsync(Numbered(4), EmbeddingPurpose.Document, default);
        Assert.That(Failed(results), Is.EqualTo([0, 1, 2, 3]));
    }

    [TestCaseSource(nameof(BadVectors))]
    public async Task A_bad_vector_fails_its_own_text_only_and_says_what_was_found((float[]? Vector, string Finding) bad)
    {
        var provider = new ScriptedProvider(OneBigCall);
        provider.Answer = texts => [.. texts.Select(text => text == "text 3" ? bad.Vector! : ScriptedProvider.VectorOf(text))];

        var results = await CreateEmbedder(provider).EmbedManyAsync(Numbered(16), EmbeddingPurpose.Document, default);

        Assert.That(Failed(results), Is.EqualTo([3]));
        Assert.That(results[3].Error, Is.TypeOf<EmbeddingRejectedException>().With.Message.Contains(bad.Finding));
        Assert.That(provider.Calls, Has.Count.EqualTo(1), "the others' vectors are good: nothing is asked again");
    }

    [Test]
    public async Task An_answer_with_a_vector_too_few_is_not_guessed_at_but_asked_again_in_halves()
    {
        var provider = new ScriptedProvider(OneBigCall);
        provider.Answer = texts => [.. texts.Where(text => text != "text 5").Select(ScriptedProvider.VectorOf)];

        var results = await CreateEmbedder(provider).EmbedManyAsync(Numbered(16), EmbeddingPurpose.Document, default);

        Assert.That(Failed(results), Is.EqualTo([5]));
        Assert.That(results[6].Vector, Is.EqualTo(ScriptedProvider.VectorOf("text 6")));
        Assert.That(results[5].Error!.Message, Does.Contain("0 vectors for 1 texts"));
    }

    [Test]
    public async Task An_answer_with_a_vector_too_many_is_rejected()
    {
        var provider = new ScriptedProvider { Answer = texts => [.. texts.Append("more").Select(ScriptedProvider.VectorOf)] };
        var results = await CreateEmbedder(provider).EmbedManyAsync(["one"], EmbeddingPurpose.Document, default);
        Assert.That(results[0].Error, Is.TypeOf<EmbeddingRejectedException>());
    }

    [TestCase(true)]
    [TestCase(false)]
    public void A_service_that_is_down_or_set_up_wrongly_fails_the_whole_call_without_splitting(bool isTransient)
    {
        var down = new UnifiedMemoryException("embed", "down", isTransient);
        var provider = new ScriptedProvider(OneBigCall) { Answer = _ => throw down };
        var embedder = CreateEmbedder(provider);
        Assert.That(
            async () => await embedder.EmbedManyAsync(Numbered(16), EmbeddingPurpose.Document, default),
            Throws.Exception.SameAs(down));
        Assert.That(provider.Calls, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task A_service_that_goes_down_between_two_batches_fails_only_the_second()
    {
        var provider = new ScriptedProvider(new EmbeddingLimits(MaxBatchItems: 4, MaxConcurrentCalls: 1));
        provider.Answer = texts => provider.Calls.Count == 1
            ? [.. texts.Select(ScriptedProvider.VectorOf)]
            : throw new UnifiedMemoryException("embed", "down", isTransient: true);
        var results = await CreateEmbedder(provider).EmbedManyAsync(Numbered(8), EmbeddingPurpose.Document, default);
        Assert.That(Failed(results), Is.EqualTo([4, 5, 6, 7]));
        Assert.That(results[4].Error!.IsTransient);
    }

    [Test]
    public void A_service_that_fails_every_text_alone_is_given_up_after_three()
    {
        var provider = new ScriptedProvider(OneBigCall);
        provider.Answer = texts => throw (texts.Count > 1
            ? new EmbeddingRejectedException("500")
            : new UnifiedMemoryException("embed", "500", isTransient: true));
        var embedder = CreateEmbedder(provider);
        Assert.That(
            async () => await embedder.EmbedManyAsync(Numbered(256), EmbeddingPurpose.Document, default),
            Throws.TypeOf<UnifiedMemoryException>());
        Assert.That(provider.Calls, Has.Count.LessThan(15));
    }

    [Test]
    public async Task A_500_for_one_text_of_a_batch_leaves_that_text_alone()
    {
        await using var ollama = await OllamaStandIn.StartAsync();
        using var provider = new OllamaEmbeddingProvider(
            new OllamaOptions { BaseAddress = ollama.Address, RetryDelay = TimeSpan.FromMilliseconds(1) });
        (ollama.Poison, ollama.PoisonStatus, ollama.PoisonError) = ("text 9", 500, "llama runner process has terminated");

        var results = await CreateEmbedder(provider).EmbedManyAsync(Numbered(16), EmbeddingPurpose.Document, default);

        Assert.That(ollama.InjectedFaults, Is.GreaterThanOrEqualTo(5));
        Assert.That(Failed(results), Is.EqualTo([9]));
        Assert.That(results[9].Error, Is.TypeOf<EmbeddingRejectedException>(), "the service embeds the others, so the text is to blame");
    }

    [Test]
    public void A_foreign_exception_is_told_by_its_type_only()
    {
        var provider = new ScriptedProvider { Answer = texts => throw new HttpRequestException($"cannot send {texts[0]}") };
        var embedder = CreateEmbedder(provider);
        Assert.That(
            async () => await embedder.EmbedAsync("secret", EmbeddingPurpose.Document, default),
            Throws.TypeOf<UnifiedMemoryException>()
                .With.Property("IsTransient").True
                .And.InnerException.Null.And.Message.Contains(nameof(HttpRequestException))
                .And.Message.Not.Contains("secret"));
    }

    [Test]
    public async Task A_failed_text_is_tried_again_by_the_next_call()
    {
        var down = new UnifiedMemoryException("embed", "down", isTransient: true);
        var provider = new ScriptedProvider { Answer = _ => throw down };
        var embedder = CreateEmbedder(provider);
        Assert.That(
            async () => await embedder.EmbedAsync("text", EmbeddingPurpose.Query, default),
            Throws.TypeOf<UnifiedMemoryException>());
        provider.Answer = texts => [.. texts.Select(ScriptedProvider.VectorOf)];
        Assert.That(
            await embedder.EmbedAsync("text", EmbeddingPurpose.Query, default),
            Is.EqualTo(ScriptedProvider.VectorOf("text")));
    }

    private static IEnumerable<(float[]? Vector, string Finding)> BadVectors() =>
    [
        ([1, 2, 3], "3 numbers instead of 4"),
        ([1, float.NaN, 3, 4], "NaN"),
        ([1, 2, float.PositiveInfinity, 4], "not finite"),
        ([0, 0, 0, 0], "zero"),
        ([1e-25f, 1e-25f, 1e-25f, 1e-25f], "too small"),
        ([1e25f, 1e25f, 1e25f, 1e25f], "too large"),
        (null, "no vector"),
    ];

    private static Func<IReadOnlyList<string>, IReadOnlyList<float[]>> Poisoned(
        Exception error, params string[] poisonous) => texts => texts.Any(poisonous.Contains)
            ? throw error : [.. texts.Select(ScriptedProvider.VectorOf)];

    private static IEnumerable<int> Failed(EmbeddingResult[] results) =>
        Enumerable.Range(0, results.Length).Where(i => results[i].Error is not null);
}
