using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Npgsql;
using UnifiedMemory.Monitoring;
using UnifiedMemory.Tests.Faults;
using UnifiedMemory.TestSupport;

namespace UnifiedMemory.Tests.Monitoring;

/// <summary>What an operator sees of a database or an embedding service that has to be asked again.</summary>
public sealed class RetryTelemetryTests : FaultFixture
{
    private readonly ConcurrentQueue<(string Operation, string Error)> _retries = new();
    private MeterListener _listener = null!;

    [SetUp]
    public void Listen()
    {
        _retries.Clear();
        _listener = new MeterListener();
        _listener.SetMeasurementEventCallback<long>((_, count, tags, _) =>
        {
            var named = tags.ToArray().ToDictionary(tag => tag.Key, tag => (string)tag.Value!);
            for (var i = 0; i < count; i++)
                _retries.Enqueue((named["operation"], named["error.type"]));
        });
        _listener.EnableMeasurementEvents(StoreMetrics.Retries);
    }

    [TearDown]
    public void StopListening() => _listener.Dispose();

    [Test]
    public async Task Retries_of_the_database_are_counted_with_their_SQLSTATE()
    {
        await FailWritesAsync(PostgresErrorCodes.SerializationFailure, times: 2);

        await Store.StoreAsync(new NewMemory("memory", MemoryType.Rag));

        Assert.That(_retries, Is.EqualTo(new[] { ("store", "40001"), ("store", "40001") }));
    }

    [Test]
    public async Task Retries_of_the_embedding_service_are_counted_with_its_status()
    {
        await using var ollama = await OllamaStandIn.StartAsync();
        using var embeddings = new OllamaEmbeddingProvider(new OllamaOptions { BaseAddress = ollama.Address, RetryDelay = TimeSpan.FromMilliseconds(1) });
        await Store.MigrateDownAsync(0);
        await using var store = NewStore(embeddings: embeddings);
        await store.MigrateAsync();
        ollama.FailNext(2, 503);

        await store.StoreAsync(new NewMemory("memory", MemoryType.Rag));

        Assert.That(_retries, Is.EqualTo(new[] { ("embed", "503"), ("embed", "503") }));
    }
}
