using UnifiedMemory.TestSupport;

namespace UnifiedMemory.Tests.Embeddings;

internal sealed class OllamaEmbeddingProviderTests : OllamaFixture
{
    [Test]
    public async Task Texts_carry_the_task_prefixes_that_nomic_embed_text_needs()
    {
        var provider = CreateProvider();
        var document = await provider.EmbedAsync(["text"], EmbeddingPurpose.Document);
        await provider.EmbedAsync(["text"], EmbeddingPurpose.Query);

        Assert.That(Ollama.Requests.SelectMany(request => request.Inputs), Is.EqualTo(["search_document: text", "search_query: text"]));
        Assert.That(document[0], Is.EqualTo(Ollama.VectorOf("search_document: text")).Within(1e-7f));
    }

    [Test]
    public async Task Another_model_gets_no_prefixes_and_set_ones_win()
    {
        Ollama.Models["all-minilm:latest"] = true;
        await CreateProvider(o => o.Model = "all-minilm").EmbedAsync(["a"], EmbeddingPurpose.Query);
        await CreateProvider(o => o.QueryPrefix = "Q: ").EmbedAsync(["b"], EmbeddingPurpose.Query);
        await CreateProvider(o => o.QueryPrefix = "").EmbedAsync(["c"], EmbeddingPurpose.Query);
        Assert.That(Ollama.Requests.SelectMany(request => request.Inputs), Is.EqualTo(["a", "Q: b", "c"]));
    }

    [Test]
    public async Task More_texts_than_the_limits_allow_are_sent_in_several_calls_and_come_back_in_order()
    {
        var texts = Enumerable.Range(0, 40).Select(i => $"text {i}").ToArray();
        var vectors = await CreateProvider().EmbedAsync(texts, EmbeddingPurpose.Document);

        Assert.That(Ollama.Requests.Select(request => request.Inputs.Count), Is.EqualTo([16, 16, 8]));
        for (var i = 0; i < texts.Length; i++)
            Assert.That(vectors[i], Is.EqualTo(Ollama.VectorOf("search_document: " + texts[i])).Within(1e-7f));
    }

    [Test]
    public async Task Direct_callers_share_the_cap_on_concurrent_calls()
    {
        var provider = CreateProvider(o => o.MaxConcurrentCalls = 3);
        await Task.WhenAll(Enumerable.Range(0, 60).Select(i => provider.EmbedAsync([$"text {i}"], EmbeddingPurpose.Document)));
        Assert.That(Ollama.EmbedCalls, Is.EqualTo(60));
        Assert.That(Ollama.MaxConcurrency, Is.LessThanOrEqualTo(3));
    }

    [Test]
    public async Task The_service_is_asked_not_to_truncate_and_to_keep_the_model_as_long_as_the_options_say()
    {
        await CreateProvider().EmbedAsync(["a"], EmbeddingPurpose.Query);
        await CreateProvider(o => o.KeepAlive = TimeSpan.FromMinutes(30)).EmbedAsync(["b"], EmbeddingPurpose.Query);
        await CreateProvider(o => o.KeepAlive = Timeout.InfiniteTimeSpan).EmbedAsync(["c"], EmbeddingPurpose.Query);
        Assert.That(Ollama.Requests.Select(request => request.Truncate), Has.All.False);
        Assert.That(Ollama.Requests.Select(request => request.KeepAlive), Is.EqualTo([null, "1800000ms", "-1ms"]));
    }

    [Test]
    public async Task A_text_that_is_too_long_is_rejected_with_its_length_and_without_its_content()
    {
        Ollama.ContextLength = 100;
        var failure = await FailureOf(CreateProvider(), new string('x', 2345));
        Assert.That(failure, Is.TypeOf<EmbeddingRejectedException>());
        Assert.That(failure.Message, Does.Contain("2,345 characters").And.Contain("OllamaOptions.Truncate").And.Not.Contain("xxx"));
        Assert.That(Ollama.InjectedFaults, Is.EqualTo(1), "too long is final: no retry");
    }

    [Test]
    public async Task A_text_that_is_too_long_is_truncated_when_the_options_allow_it_and_only_that_one()
    {
        Ollama.ContextLength = 100;
        var longText = new string('x', 500);
        var vectors = await CreateProvider(o => o.Truncate = true).EmbedAsync(["a", "b", longText, "c"], EmbeddingPurpose.Document);

        Assert.That(vectors[2], Is.EqualTo(Ollama.VectorOf(("search_document: " + longText)[..100])).Within(1e-7f));
        Assert.That(vectors[3], Is.EqualTo(Ollama.VectorOf("search_document: c")).Within(1e-7f));
        Assert.That(Ollama.Requests.Where(request => request.Truncate).Select(request => request.Inputs.Count), Is.EqualTo([1]));
        Assert.That(Log.Lines, Has.Exactly(1).Contains("500 characters").And.None.Contains("xxx"));
    }

    [TestCase(400, "embedding contains NaN or Inf values")]
    [TestCase(500, "failed to encode response: json: unsupported value: NaN")]
    public async Task A_text_of_which_the_model_makes_no_numbers_is_rejected_without_retries(int status, string error)
    {
        (Ollama.Poison, Ollama.PoisonStatus, Ollama.PoisonError) = ("poison", status, error);
        Assert.That(await FailureOf(CreateProvider(), "poison"), Is.TypeOf<EmbeddingRejectedException>());
        Assert.That(Ollama.InjectedFaults, Is.EqualTo(1));
    }

    [TestCaseSource(nameof(BadVectors))]
    public async Task A_bad_vector_is_rejected_with_what_was_found((Func<float[], float[]?> Distort, string Finding) bad)
    {
        Ollama.Distort = (input, vector) => input.EndsWith("bad", StringComparison.Ordinal) ? bad.Distort(vector) : vector;
        var failure = await FailureOf(CreateProvider(), "good", "bad");
        Assert.That(Ollama.InjectedFaults, Is.EqualTo(1));
        Assert.That(failure, Is.TypeOf<EmbeddingRejectedException>().With.Message.Contains(bad.Finding));
    }

    [Test]
    public async Task A_text_with_half_a_character_is_rejected_before_anything_is_sent()
    {
        Assert.That(await FailureOf(CreateProvider(), "fine 😀", "broken \ud83d"), Is.TypeOf<EmbeddingRejectedException>());
        Assert.That(await FailureOf(CreateProvider(), "\ude00 broken"), Is.TypeOf<EmbeddingRejectedException>());
        Assert.That(Ollama.EmbedCalls, Is.Zero);
    }

    [Test]
    public async Task No_message_and_no_log_line_repeats_what_the_service_says_about_a_text()
    {
        (Ollama.Poison, Ollama.PoisonError) = ("secret", "cannot embed the secret");
        foreach (var status in new[] { 400, 401, 418, 500, 503 })
        {
            Ollama.PoisonStatus = status;
            var failure = await FailureOf(CreateProvider(), "my secret");
            Assert.That(failure.ToString(), Does.Not.Contain("secret"), $"status {status}");
        }

        Assert.That(Log.Lines, Is.Not.Empty.And.None.Contains("secret"));
    }

    [Test]
    public async Task Its_space_has_the_digest_and_the_prefixes()
    {
        var space = await CreateProvider().DescribeAsync();
        Assert.That(space, Is.EqualTo(new EmbeddingSpace("ollama", "nomic-embed-text", 768)
        {
            Digest = OllamaStandIn.Digest,
            DocumentPrefix = "search_document: ",
            QueryPrefix = "search_query: ",
        }));
    }

    [Test]
    public async Task Its_space_has_no_digest_while_the_service_is_out_of_reach_or_lacks_the_model()
    {
        Ollama.Models.Clear();
        Assert.That((await CreateProvider().DescribeAsync()).Digest, Is.Null);
        var nobody = CreateProvider(o => o.BaseAddress = Unreachable());
        Assert.That((await nobody.DescribeAsync()).Digest, Is.Null);
    }

    [Test]
    public void A_model_with_vectors_of_another_length_is_a_clear_error()
    {
        Ollama.Dimensions = 1024;
        Assert.That(
            async () => await CreateProvider().DescribeAsync(),
            Throws.TypeOf<UnifiedMemoryException>().With.Message.Contains("1024").And.Message.Contains("Dimensions is 768"));
    }

    [Test]
    public async Task It_is_available_only_where_the_service_answers_and_has_the_model()
    {
        Assert.That(await OllamaEmbeddingProvider.IsAvailableAsync(new OllamaOptions { BaseAddress = Ollama.Address }), Is.True);
        Assert.That(await OllamaEmbeddingProvider.IsAvailableAsync(new OllamaOptions { BaseAddress = Unreachable() }), Is.False);
        Ollama.Models.Clear();
        Assert.That(await OllamaEmbeddingProvider.IsAvailableAsync(new OllamaOptions { BaseAddress = Ollama.Address }), Is.False);
    }

    [Test]
    public void A_question_that_its_caller_cancels_ends_as_cancelled() => Assert.That(
        async () => await CreateProvider().DescribeAsync(new CancellationToken(canceled: true)),
        Throws.InstanceOf<OperationCanceledException>());

    // Port 1 (tcpmux) refuses at once on any machine of today.
    private static Uri Unreachable() => new("http://127.0.0.1:1");

    private static IEnumerable<(Func<float[], float[]?> Distort, string Finding)> BadVectors() =>
    [
        (vector => vector[..512], "512 numbers instead of 768"),
        (vector => [float.NaN, .. vector[1..]], "not finite"),
        (vector => new float[vector.Length], "zero"),
        (vector => [.. vector.Select(number => number * 2)], "norm is 2"),
        (_ => null, "1 vectors for 2 texts"),
    ];
}
