using UnifiedMemory.Embeddings;

namespace UnifiedMemory.Tests.Embeddings;

internal sealed class OllamaOptionsTests
{
    [TestCase(null, "http://localhost:11434/")]
    [TestCase("", "http://localhost:11434/")]
    [TestCase("  ", "http://localhost:11434/")]
    [TestCase("example.com", "http://example.com:11434/")]
    [TestCase("example.com:8080", "http://example.com:8080/")]
    [TestCase("example.com:80", "http://example.com/")]
    [TestCase(":8080", "http://localhost:8080/")]
    [TestCase("10.0.0.7", "http://10.0.0.7:11434/")]
    [TestCase("0.0.0.0", "http://127.0.0.1:11434/")]
    [TestCase("0.0.0.0:8080", "http://127.0.0.1:8080/")]
    [TestCase("http://0.0.0.0:8080", "http://127.0.0.1:8080/")]
    [TestCase("::", "http://[::1]:11434/")]
    [TestCase("[::]:8080", "http://[::1]:8080/")]
    [TestCase("::1", "http://[::1]:11434/")]
    [TestCase("http://example.com", "http://example.com/")]
    [TestCase("https://example.com", "https://example.com/")]
    [TestCase("https://example.com:8443/ollama", "https://example.com:8443/ollama")]
    [TestCase("example.com/ollama", "http://example.com:11434/ollama")]
    [TestCase("\"example.com\"", "http://example.com:11434/")]
    [TestCase("http://user:secret@example.com:1", "http://example.com:1/")]
    [TestCase("ftp://example.com", "http://localhost:11434/")]
    [TestCase("not an address", "http://localhost:11434/")]
    public void OLLAMA_HOST_is_read_as_Ollama_reads_it(string? value, string expected) =>
        Assert.That(OllamaAddress.Parse(value).AbsoluteUri, Is.EqualTo(expected));

    [TestCase("http://example.com", "http://example.com/")]
    [TestCase("http://example.com/ollama", "http://example.com/ollama/")]
    public void A_path_is_kept(string value, string expected) =>
        Assert.That(OllamaAddress.WithSlash(new Uri(value)).AbsoluteUri, Is.EqualTo(expected));

    [Test]
    public void The_defaults_are_valid() => Assert.That(new OllamaOptions().Validate(), Is.Empty);

    [Test]
    public void Every_mistake_is_told_at_once_with_its_value()
    {
        var options = new OllamaOptions
        {
            BaseAddress = new Uri("ftp://example.com"),
            Model = " ",
            Dimensions = 4096,
            MaxBatchItems = 0,
            MaxBatchCharacters = -1,
            MaxConcurrentCalls = 0,
            Timeout = TimeSpan.Zero,
            MaxRetries = 21,
            KeepAlive = TimeSpan.FromSeconds(-5),
        };
        Assert.That(
            () => new OllamaEmbeddingProvider(options),
            Throws.ArgumentException.With.Message.Contains("BaseAddress").And.Message.Contains("Model is empty")
                .And.Message.Contains("Dimensions is 4096").And.Message.Contains("MaxBatchItems is 0")
                .And.Message.Contains("MaxBatchCharacters is -1").And.Message.Contains("MaxConcurrentCalls is 0")
                .And.Message.Contains("Timeout is 00:00:00").And.Message.Contains("MaxRetries is 21")
                .And.Message.Contains("KeepAlive is -00:00:05"));
    }

    [Test]
    public void Credentials_in_the_address_are_refused_and_not_repeated()
    {
        var options = new OllamaOptions { BaseAddress = new Uri("http://user:secret@example.com") };
        Assert.That(
            () => new OllamaEmbeddingProvider(options),
            Throws.ArgumentException.With.Message.Contains("credentials").And.Message.Not.Contains("secret"));
    }

    [Test]
    public void Later_changes_of_the_options_have_no_effect()
    {
        var options = new OllamaOptions { Model = "one" };
        using var provider = new OllamaEmbeddingProvider(options);
        options.Model = "two";
        Assert.That(provider.Model, Is.EqualTo("one"));
    }
}
