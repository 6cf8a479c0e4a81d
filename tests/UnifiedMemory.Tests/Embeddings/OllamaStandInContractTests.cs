using UnifiedMemory.TestSupport;

namespace UnifiedMemory.Tests.Embeddings;

/// <summary>The Ollama provider over HTTP, against the stand-in.</summary>
internal sealed class OllamaStandInContractTests : EmbeddingProviderContract
{
    private OllamaStandIn _ollama = null!;

    [TearDown]
    public async Task Stop_the_stand_in() => await _ollama.DisposeAsync();

    protected override async Task<IEmbeddingProvider> CreateProviderAsync()
    {
        _ollama = await OllamaStandIn.StartAsync();
        _ollama.ContextLength = 8192;
        return new OllamaEmbeddingProvider(new OllamaOptions { BaseAddress = _ollama.Address });
    }
}
