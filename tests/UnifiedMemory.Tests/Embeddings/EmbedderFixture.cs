using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging.Abstractions;
using UnifiedMemory.Embeddings;

namespace UnifiedMemory.Tests.Embeddings;

/// <summary>Makes embedders on a meter of the test's own and disposes them.</summary>
internal abstract class EmbedderFixture
{
    private readonly List<IDisposable> _owned = [];

    protected Meter Meter { get; private set; } = null!;

    [SetUp]
    public void Create_the_meter() => Meter = new Meter("UnifiedMemory.Tests");

    [TearDown]
    public void Dispose_what_was_made()
    {
        foreach (var owned in _owned)
            owned.Dispose();
        _owned.Clear();
        Meter.Dispose();
    }

    protected Embedder CreateEmbedder(IEmbeddingProvider provider, int cacheCapacity = Embedder.DefaultCacheCapacity) =>
        Own(new Embedder(provider, Meter, NullLogger.Instance, cacheCapacity));

    protected T Own<T>(T disposable)
        where T : IDisposable
    {
        _owned.Add(disposable);
        return disposable;
    }

    protected static string[] Numbered(int count) => [.. Enumerable.Range(0, count).Select(i => $"text {i}")];
}
