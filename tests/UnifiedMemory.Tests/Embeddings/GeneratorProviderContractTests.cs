using UnifiedMemory.TestSupport;

namespace UnifiedMemory.Tests.Embeddings;

internal sealed class GeneratorProviderContractTests : EmbeddingProviderContract
{
    protected override Task<IEmbeddingProvider> CreateProviderAsync() =>
        Task.FromResult<IEmbeddingProvider>(new GeneratorEmbeddingProvider(new ScriptedGenerator(null), "scripted", 4));
}
