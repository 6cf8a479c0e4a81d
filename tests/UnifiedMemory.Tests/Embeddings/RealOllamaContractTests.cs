using UnifiedMemory.TestSupport;

namespace UnifiedMemory.Tests.Embeddings;

/// <summary>The Ollama provider against a real service, where OLLAMA_HOST names one.</summary>
internal sealed class RealOllamaContractTests : EmbeddingProviderContract
{
    protected override async Task<IEmbeddingProvider> CreateProviderAsync()
    {
        var options = new OllamaOptions();
        if (Environment.GetEnvironmentVariable("OLLAMA_HOST") is not { Length: > 0 } host)
            Assert.Ignore("OLLAMA_HOST is not set: no real Ollama to test against.");
        else if (!await OllamaEmbeddingProvider.IsAvailableAsync(options))
            Assert.Ignore($"{host} does not answer, or lacks {options.Model}: run 'ollama pull {options.Model}'.");
        return new OllamaEmbeddingProvider(options);
    }
}
