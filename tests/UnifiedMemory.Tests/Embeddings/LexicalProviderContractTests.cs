using UnifiedMemory.TestSupport;

namespace UnifiedMemory.Tests.Embeddings;

internal sealed class LexicalProviderContractTests : EmbeddingProviderContract
{
    protected override Task<IEmbeddingProvider> CreateProviderAsync() => Task.FromResult<IEmbeddingProvider>(new LexicalEmbeddingProvider());
}
