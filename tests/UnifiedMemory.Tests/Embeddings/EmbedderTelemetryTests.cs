using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace UnifiedMemory.Tests.Embeddings;

// Activity listeners are process-wide.
[NonParallelizable]
internal sealed class EmbedderTelemetryTests : EmbedderFixture
{
    private readonly ConcurrentQueue<(string Name, double Value, KeyValuePair<string, object?>[] Tags)> _measured = new();

    [SetUp]
    public void Listen()
    {
        _measured.Clear();
        var listener = Own(new MeterListener());
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (ReferenceEquals(instrument.Meter, Meter))
                self.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => _measured.Enqueue((instrument.Name, value, tags.ToArray())));
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => _measured.Enqueue((instrument.Name, value, tags.ToArray())));
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => _measured.Enqueue((instrument.Name, value, tags.ToArray())));
        listener.Start();
    }

    [Test]
    public async Task Batch_sizes_durations_cache_requests_and_rejected_texts_are_measured()
    {
        var provider = new ScriptedProvider();
        var embedder = CreateEmbedder(provider);
        await embedder.EmbedAsync("query", EmbeddingPurpose.Query, default);
        await embedder.EmbedAsync("query", EmbeddingPurpose.Query, default);
        provider.Answer = texts => [.. texts.Select(_ => new float[4])];
        await embedder.EmbedManyAsync(Numbered(3), EmbeddingPurpose.Document, default);

        Assert.That(Values("unifiedmemory.embedding.batch.size"), Is.EqualTo([1, 3]));
        Assert.That(Values("unifiedmemory.embedding.duration", "purpose", "query"), Has.Length.EqualTo(1).And.All.Positive);
        Assert.That(Values("unifiedmemory.embedding.cache.requests", "hit", false), Is.EqualTo([1]));
        Assert.That(Values("unifiedmemory.embedding.cache.requests", "hit", true), Is.EqualTo([1]));
        Assert.That(Values("unifiedmemory.embedding.rejected", "purpose", "document").Sum(), Is.EqualTo(3));
    }

    [Test]
    public void A_failed_call_is_measured_with_the_type_of_its_error()
    {
        var provider = new ScriptedProvider { Answer = _ => throw new UnifiedMemoryException("embed", "down", isTransient: true) };
        var embedder = CreateEmbedder(provider);
        Assert.That(async () => await embedder.EmbedAsync("x", EmbeddingPurpose.Document, default), Throws.Exception);
        Assert.That(Values("unifiedmemory.embedding.duration", "error.type", "unavailable"), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task A_provider_call_is_a_span_below_its_caller_named_by_the_convention_and_without_the_text()
    {
        var spans = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name is "UnifiedMemory" or "test",
            Sample = (ref _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        using var source = new ActivitySource("test");
        using var caller = source.StartActivity("caller")!;

        await CreateEmbedder(new ScriptedProvider()).EmbedAsync("secret", EmbeddingPurpose.Query, default);

        var call = spans.Single(span => span.TraceId == caller.TraceId);
        Assert.That((call.DisplayName, call.Kind, call.ParentSpanId), Is.EqualTo(("embeddings scripted", ActivityKind.Client, caller.SpanId)));
        Assert.That(call.GetTagItem("gen_ai.operation.name"), Is.EqualTo("embeddings"));
        Assert.That(call.GetTagItem("gen_ai.request.model"), Is.EqualTo("scripted"));
        Assert.That(call.GetTagItem("gen_ai.embeddings.dimension.count"), Is.EqualTo(4));
        Assert.That(call.TagObjects.Select(tag => tag.Value?.ToString()), Has.None.Contains("secret"));
    }

    private double[] Values(string name, string? tag = null, object? value = null) =>
    [
        .. _measured
            .Where(measured => measured.Name == name
                && (tag is null || measured.Tags.Any(t => t.Key == tag && Equals(t.Value, value))))
            .Select(measured => measured.Value),
    ];
}
