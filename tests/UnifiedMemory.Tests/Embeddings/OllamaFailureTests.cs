using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Time.Testing;

namespace UnifiedMemory.Tests.Embeddings;

internal sealed class OllamaFailureTests : OllamaFixture
{
    [TestCase(503)]
    [TestCase(500)]
    [TestCase(502)]
    public async Task A_service_that_fails_twice_and_then_works_is_no_failure(int status)
    {
        Ollama.FailNext(2, status);
        var vectors = await CreateProvider().EmbedAsync(["text"], EmbeddingPurpose.Document);
        Assert.That(vectors, Has.Count.EqualTo(1));
        Assert.That((Ollama.InjectedFaults, Ollama.EmbedCalls), Is.EqualTo((2, 3)));
        Assert.That(Log.Lines, Has.Exactly(2).Contains("Attempt"));
    }

    [TestCase(503)]
    [TestCase(500)]
    public async Task A_service_that_keeps_failing_for_one_text_is_a_transient_failure_after_the_retries(int status)
    {
        Ollama.FailNext(int.MaxValue, status);
        var failure = await FailureOf(CreateProvider(o => o.MaxRetries = 2), "text");
        Assert.That(failure, Is.TypeOf<UnifiedMemoryException>().With.Property("IsTransient").True);
        Assert.That(failure.Message, Does.Contain($"{status}"));
        Assert.That(Ollama.EmbedCalls, Is.EqualTo(3));
    }

    [Test]
    public async Task A_500_for_several_texts_is_a_rejection_after_one_retry_so_that_the_batch_is_halved()
    {
        Ollama.FailNext(int.MaxValue, 500);
        Assert.That(await FailureOf(CreateProvider(), "one", "two"), Is.TypeOf<EmbeddingRejectedException>());
        Assert.That(Ollama.EmbedCalls, Is.EqualTo(2));
    }

    [Test]
    public async Task A_503_for_several_texts_is_not_their_fault()
    {
        Ollama.FailNext(int.MaxValue, 503);
        Assert.That((await FailureOf(CreateProvider(), "one", "two")).IsTransient);
    }

    [Test]
    public async Task A_service_that_is_not_there_is_a_transient_failure_that_says_what_to_do()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();

        var failure = await FailureOf(CreateProvider(o => o.BaseAddress = new Uri($"http://127.0.0.1:{port}")), "text");

        Assert.That(failure.IsTransient);
        Assert.That(failure.Message, Does.Contain($"http://127.0.0.1:{port}").And.Contain("ollama serve"));
        Assert.That(Log.Lines, Has.Exactly(3).Contains("HttpRequestException"));
    }

    [Test]
    public async Task A_connection_that_is_reset_is_retried()
    {
        Ollama.ResetConnections = true;
        var failure = await FailureOf(CreateProvider(o => o.MaxRetries = 2), "text");
        Assert.That(failure.IsTransient);
        Assert.That(Ollama.InjectedFaults, Is.GreaterThanOrEqualTo(3));
    }

    [Test]
    public async Task Something_else_at_the_address_is_a_setup_failure()
    {
        Ollama.Html = "<html>Welcome</html>";
        var failure = await FailureOf(CreateProvider(), "one", "two");
        Assert.That(failure, Is.TypeOf<UnifiedMemoryException>().With.Property("IsTransient").False);
        Assert.That(Ollama.EmbedCalls, Is.EqualTo(1));
    }

    [Test]
    public async Task A_service_that_hangs_is_left_after_the_time_out_and_asked_once_more()
    {
        var time = new FakeTimeProvider();
        var provider = CreateProvider(o => o.RetryDelay = TimeSpan.Zero, time);
        Ollama.Hold();
        var failing = FailureOf(provider, "text");
        for (var attempt = 1; attempt <= 2; attempt++)
        {
            await Ollama.ArrivedAsync();
            time.Advance(TimeSpan.FromSeconds(119));
            Assert.That(failing.IsCompleted, Is.False);
            time.Advance(TimeSpan.FromSeconds(1));
        }

        var failure = await failing;
        Assert.That(failure.IsTransient);
        Assert.That(failure.Message, Does.Contain("did not answer within 00:02:00"));
        Assert.That(Ollama.EmbedCalls, Is.EqualTo(2));
    }

    [Test]
    public async Task A_service_that_keeps_failing_is_left_alone_for_a_while_and_then_tried_again()
    {
        var time = new FakeTimeProvider();
        var provider = CreateProvider(o => o.MaxRetries = 0, time);
        Ollama.FailNext(8, 503);
        for (var i = 0; i < 8; i++)
            await FailureOf(provider, "text");

        var failure = await FailureOf(provider, "text");
        Assert.That(failure.IsTransient);
        Assert.That(failure.Message, Does.Contain("left alone"));
        Assert.That((Ollama.InjectedFaults, Ollama.EmbedCalls), Is.EqualTo((8, 8)), "the ninth call was not sent");
        Assert.That(Log.Lines, Has.Exactly(1).Contains("no calls to"));

        time.Advance(TimeSpan.FromSeconds(6));
        Assert.That(await provider.EmbedAsync(["text"], EmbeddingPurpose.Document), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Poisonous_texts_that_end_in_500_do_not_close_the_service_to_others()
    {
        var provider = CreateProvider(o => o.MaxRetries = 0);
        (Ollama.Poison, Ollama.PoisonStatus, Ollama.PoisonError) = ("poison", 500, "unexpected EOF");
        for (var i = 0; i < 20; i++)
            await FailureOf(provider, "poison");
        Assert.That(Ollama.InjectedFaults, Is.EqualTo(20));
        Assert.That(await provider.EmbedAsync(["fine"], EmbeddingPurpose.Document), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task A_caller_that_cancels_gets_a_cancellation_and_no_retry()
    {
        using var cancellation = new CancellationTokenSource();
        var provider = CreateProvider();
        Ollama.Hold();
        var call = provider.EmbedAsync(["text"], EmbeddingPurpose.Document, cancellation.Token);
        await Ollama.ArrivedAsync();
        await cancellation.CancelAsync();
        Assert.That(async () => await call, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(Ollama.EmbedCalls, Is.EqualTo(1));
    }
}
