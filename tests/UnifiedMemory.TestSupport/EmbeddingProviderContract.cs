using NUnit.Framework;

namespace UnifiedMemory.TestSupport;

/// <summary>What every <see cref="IEmbeddingProvider"/> must hold to. Inherit it in a fixture of your own provider.</summary>
public abstract class EmbeddingProviderContract
{
    private const float Tolerance = 1e-3f;

    private static readonly string[] Texts =
    [
        "The deployment failed because the disk was full.",
        "public async Task<int> CountAsync(CancellationToken token)",
        "Überraschung: 数据库 is down 😀",
        "a",
    ];

    private IEmbeddingProvider _provider = null!;

    /// <summary>The provider under test. Call <see cref="Assert.Ignore(string)"/> where it cannot be had, with the reason.</summary>
    protected abstract Task<IEmbeddingProvider> CreateProviderAsync();

    [SetUp]
    public async Task Create_the_provider() => _provider = await CreateProviderAsync();

    [TearDown]
    public void Dispose_the_provider() => (_provider as IDisposable)?.Dispose();

    [Test]
    public async Task Every_text_gets_one_usable_vector_of_the_declared_length([Values] EmbeddingPurpose purpose)
    {
        var vectors = await _provider.EmbedAsync(Texts, purpose);

        Assert.That(vectors, Has.Count.EqualTo(Texts.Length));
        foreach (var vector in vectors)
        {
            Assert.That(vector, Has.Length.EqualTo(_provider.Dimensions));
            Assert.That(vector, Has.All.Matches<float>(float.IsFinite));
            Assert.That(vector, Has.Some.Not.Zero);
        }
    }

    [Test]
    public async Task The_same_text_gives_the_same_vector_alone_and_in_a_batch_and_again([Values] EmbeddingPurpose purpose)
    {
        var together = await _provider.EmbedAsync(Texts, purpose);
        for (var i = 0; i < Texts.Length; i++)
        {
            var alone = await _provider.EmbedAsync([Texts[i]], purpose);
            Assert.That(Cosine(alone[0], together[i]), Is.EqualTo(1).Within(Tolerance), $"text {i}");
        }
    }

    [Test]
    public async Task Vectors_come_in_the_order_of_the_texts()
    {
        var forward = await _provider.EmbedAsync(Texts, EmbeddingPurpose.Document);
        var backward = await _provider.EmbedAsync([.. Texts.Reverse()], EmbeddingPurpose.Document);
        for (var i = 0; i < Texts.Length; i++)
            Assert.That(Cosine(forward[i], backward[^(i + 1)]), Is.EqualTo(1).Within(Tolerance), $"text {i}");
    }

    [Test]
    public async Task Different_texts_get_different_vectors()
    {
        var vectors = await _provider.EmbedAsync(Texts, EmbeddingPurpose.Document);
        for (var i = 1; i < Texts.Length; i++)
            Assert.That(Cosine(vectors[0], vectors[i]), Is.LessThan(1 - Tolerance), $"text {i}");
    }

    [Test]
    public async Task No_texts_give_no_vectors() =>
        Assert.That(await _provider.EmbedAsync([], EmbeddingPurpose.Document), Is.Empty);

    [Test]
    public void A_call_that_is_cancelled_before_it_starts_ends_as_cancelled() =>
        Assert.That(
            async () => await _provider.EmbedAsync(Texts, EmbeddingPurpose.Document, new CancellationToken(canceled: true)),
            Throws.InstanceOf<OperationCanceledException>());

    [Test]
    public async Task Concurrent_calls_do_not_disturb_each_other()
    {
        var expected = await _provider.EmbedAsync(Texts, EmbeddingPurpose.Document);
        var calls = Enumerable.Range(0, 32).Select(i => Task.Run(() => _provider.EmbedAsync(
            [Texts[i % Texts.Length]], EmbeddingPurpose.Document)));
        var vectors = await Task.WhenAll(calls);
        for (var i = 0; i < vectors.Length; i++)
            Assert.That(Cosine(vectors[i][0], expected[i % Texts.Length]), Is.EqualTo(1).Within(Tolerance), $"call {i}");
    }

    [Test]
    public async Task A_very_long_text_is_embedded_or_rejected_but_never_worse()
    {
        try
        {
            var vectors = await _provider.EmbedAsync([string.Concat(Enumerable.Repeat("long memory ", 20_000))], EmbeddingPurpose.Document);
            Assert.That(vectors.Single(), Has.Length.EqualTo(_provider.Dimensions));
        }
        catch (EmbeddingRejectedException rejected)
        {
            Assert.That(rejected.Message, Does.Not.Contain("long memory"), "a message must not hold the text");
        }
    }

    [Test]
    public async Task The_space_names_the_model_and_the_dimensions()
    {
        var space = await _provider.DescribeAsync();
        Assert.That((space.Model, space.Dimensions), Is.EqualTo((_provider.Model, _provider.Dimensions)));
        Assert.That(space.Provider, Is.Not.Empty);
    }

    [Test]
    public void The_limits_allow_work() => Assert.That(
        _provider.Limits, Has.Property(nameof(EmbeddingLimits.MaxBatchItems)).Positive
            .And.Property(nameof(EmbeddingLimits.MaxBatchCharacters)).Positive
            .And.Property(nameof(EmbeddingLimits.MaxConcurrentCalls)).Positive);

    private static double Cosine(float[] a, float[] b) =>
        a.Zip(b, (x, y) => (double)x * y).Sum() / Math.Sqrt(a.Sum(x => (double)x * x) * b.Sum(y => (double)y * y));
}
