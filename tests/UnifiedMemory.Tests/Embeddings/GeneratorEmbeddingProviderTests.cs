using System.Net;
using Microsoft.Extensions.AI;

namespace UnifiedMemory.Tests.Embeddings;

internal sealed class GeneratorEmbeddingProviderTests
{
    [Test]
    public async Task Model_and_dimensions_come_from_the_generator_where_they_are_not_given()
    {
        using var generator = new ScriptedGenerator(new EmbeddingGeneratorMetadata("cloud", null, "their-model", 4));
        var provider = new GeneratorEmbeddingProvider(generator);
        Assert.That(await provider.DescribeAsync(), Is.EqualTo(new EmbeddingSpace("cloud", "their-model", 4)));
        var given = new GeneratorEmbeddingProvider(generator, "mine", 8);
        Assert.That((given.Model, given.Dimensions), Is.EqualTo(("mine", 8)));
    }

    [Test]
    public void A_generator_that_does_not_tell_needs_to_be_told()
    {
        using var silent = new ScriptedGenerator(null);
        Assert.That(
            () => new GeneratorEmbeddingProvider(silent),
            Throws.ArgumentException.With.Property("ParamName").EqualTo("model"));
        Assert.That(
            () => new GeneratorEmbeddingProvider(silent, "m"),
            Throws.ArgumentException.With.Property("ParamName").EqualTo("dimensions"));
        Assert.That(() => new GeneratorEmbeddingProvider(silent, "m", 5000), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public async Task Prefixes_are_put_in_front_and_belong_to_the_space()
    {
        using var generator = new ScriptedGenerator(null);
        var provider = new GeneratorEmbeddingProvider(generator, "m", 4, "d: ", "q: ");
        await provider.EmbedAsync(["a"], EmbeddingPurpose.Document);
        await provider.EmbedAsync(["a"], EmbeddingPurpose.Query);
        var space = await provider.DescribeAsync();
        Assert.That(generator.Seen, Is.EqualTo(["d: a", "q: a"]));
        Assert.That((space.DocumentPrefix, space.QueryPrefix), Is.EqualTo(("d: ", "q: ")));
    }

    [TestCase(HttpStatusCode.ServiceUnavailable, true)]
    [TestCase(HttpStatusCode.TooManyRequests, true)]
    [TestCase(null, true)]
    [TestCase(HttpStatusCode.Unauthorized, false)]
    public void A_failure_of_the_transport_is_told_by_its_type_and_status_only(HttpStatusCode? status, bool isTransient)
    {
        using var generator = new ScriptedGenerator(null) { Failure = new HttpRequestException("about secret", null, status) };
        var provider = new GeneratorEmbeddingProvider(generator, "m", 4);
        Assert.That(
            async () => await provider.EmbedAsync(["secret"], EmbeddingPurpose.Document),
            Throws.TypeOf<UnifiedMemoryException>().With.Property("IsTransient").EqualTo(isTransient)
                .And.Property("Operation").EqualTo("embed").And.InnerException.Null
                .And.Message.Contains(status is { } code ? $"HttpRequestException with status {(int)code}" : "HttpRequestException")
                .And.Message.Not.Contains("secret"));
    }

    [Test]
    public void A_text_with_half_a_character_is_rejected_before_anything_is_sent()
    {
        using var generator = new ScriptedGenerator(null);
        var provider = new GeneratorEmbeddingProvider(generator, "m", 4);
        Assert.That(
            async () => await provider.EmbedAsync(["a\ud83d"], EmbeddingPurpose.Document),
            Throws.TypeOf<EmbeddingRejectedException>());
        Assert.That(generator.Seen, Is.Empty);
    }

    [Test]
    public void A_rejection_by_the_generator_passes_unchanged()
    {
        using var generator = new ScriptedGenerator(null) { Failure = new EmbeddingRejectedException("too long") };
        var provider = new GeneratorEmbeddingProvider(generator, "m", 4);
        Assert.That(
            async () => await provider.EmbedAsync(["a"], EmbeddingPurpose.Document),
            Throws.Exception.SameAs(generator.Failure));
    }
}
