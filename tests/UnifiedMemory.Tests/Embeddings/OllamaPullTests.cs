using Microsoft.Extensions.Time.Testing;

namespace UnifiedMemory.Tests.Embeddings;

internal sealed class OllamaPullTests : OllamaFixture
{
    [SetUp]
    public void Remove_the_model() => Ollama.Models.Clear();

    [Test]
    public async Task A_missing_model_is_a_setup_failure_that_names_the_command()
    {
        var failure = await FailureOf(CreateProvider(), "one", "two");
        Assert.That(failure, Is.TypeOf<UnifiedMemoryException>().With.Property("IsTransient").False);
        Assert.That(failure.Message, Does.Contain("ollama pull nomic-embed-text"));
        Assert.That((Ollama.InjectedFaults, Ollama.Pulls), Is.EqualTo((1, 0)));
    }

    [Test]
    public async Task A_missing_model_is_pulled_once_for_all_callers_when_the_options_allow_it()
    {
        var provider = CreateProvider(o => (o.PullMissingModel, o.MaxConcurrentCalls) = (true, 4));
        var calls = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => provider.EmbedAsync([$"text {i}"], EmbeddingPurpose.Document)));
        Assert.That(calls, Has.All.Count.EqualTo(1));
        Assert.That(Ollama.InjectedFaults, Is.Positive);
        Assert.That(Ollama.Pulls, Is.EqualTo(1));
        Assert.That(Log.Lines, Has.Some.Contains("Pulled nomic-embed-text"));
    }

    [Test]
    public async Task A_callers_cancellation_does_not_end_the_pull_that_others_wait_for()
    {
        var provider = CreateProvider(o => o.PullMissingModel = true);
        using var impatience = new CancellationTokenSource();
        Ollama.Hold("/api/pull");
        var impatient = provider.EmbedAsync(["one"], EmbeddingPurpose.Document, impatience.Token);
        var patient = provider.EmbedAsync(["two"], EmbeddingPurpose.Document);
        await Ollama.ArrivedAsync(3);

        await impatience.CancelAsync();
        Assert.That(async () => await impatient, Throws.InstanceOf<OperationCanceledException>());
        Ollama.Release();

        Assert.That(await patient, Has.Count.EqualTo(1));
        Assert.That(Ollama.Pulls, Is.EqualTo(1));
    }

    [Test]
    public async Task A_pull_that_stalls_is_left_after_the_time_out()
    {
        var time = new FakeTimeProvider();
        var provider = CreateProvider(o => o.PullMissingModel = true, time);
        Ollama.Hold("/api/pull");
        var failing = FailureOf(provider, "text");
        await Ollama.ArrivedAsync(2);
        time.Advance(TimeSpan.FromSeconds(121));
        Assert.That((await failing).IsTransient);
    }

    [Test]
    public async Task An_error_in_the_stream_of_a_pull_is_honoured_and_the_next_call_pulls_again()
    {
        Ollama.PullError = "no space left on device";
        var provider = CreateProvider(o => o.PullMissingModel = true);
        var failure = await FailureOf(provider, "text");
        Assert.That(failure.Message, Does.Contain("no space left on device"));

        Ollama.PullError = null;
        Assert.That(await provider.EmbedAsync(["text"], EmbeddingPurpose.Document), Has.Count.EqualTo(1));
        Assert.That(Ollama.Pulls, Is.EqualTo(2));
    }

    [Test]
    public async Task Disposal_ends_a_pull_that_hangs()
    {
        var provider = CreateProvider(o => o.PullMissingModel = true);
        Ollama.Hold("/api/pull");
        var call = provider.EmbedAsync(["text"], EmbeddingPurpose.Document);
        await Ollama.ArrivedAsync(2);
        provider.Dispose();
        Assert.That(async () => await call, Throws.TypeOf<ObjectDisposedException>());
    }
}
