using UnifiedMemory.TestSupport;

namespace UnifiedMemory.Tests.Embeddings;

/// <summary>A stand-in for Ollama, and a provider that talks to it.</summary>
internal abstract class OllamaFixture
{
    private readonly List<OllamaEmbeddingProvider> _providers = [];

    protected OllamaStandIn Ollama { get; private set; } = null!;

    /// <summary>Everything that was logged, as text.</summary>
    protected RecordingLogger<OllamaEmbeddingProvider> Log { get; private set; } = null!;

    [SetUp]
    public async Task Start_the_stand_in()
    {
        Ollama = await OllamaStandIn.StartAsync();
        Log = new RecordingLogger<OllamaEmbeddingProvider>();
    }

    [TearDown]
    public async Task Stop_the_stand_in()
    {
        foreach (var provider in _providers)
            provider.Dispose();
        _providers.Clear();
        await Ollama.DisposeAsync();
    }

    protected OllamaEmbeddingProvider CreateProvider(Action<OllamaOptions>? configure = null, TimeProvider? timeProvider = null)
    {
        var options = new OllamaOptions { BaseAddress = Ollama.Address, RetryDelay = TimeSpan.FromMilliseconds(1) };
        configure?.Invoke(options);
        var provider = new OllamaEmbeddingProvider(options, timeProvider: timeProvider, logger: Log);
        _providers.Add(provider);
        return provider;
    }

    /// <summary>The exception that embedding the texts ends with.</summary>
    protected static async Task<UnifiedMemoryException> FailureOf(OllamaEmbeddingProvider provider, params string[] texts)
    {
        try
        {
            await provider.EmbedAsync(texts, EmbeddingPurpose.Document).WaitAsync(TimeSpan.FromSeconds(60));
        }
        catch (UnifiedMemoryException error)
        {
            return error;
        }

        throw new AssertionException("the call succeeded");
    }
}
