using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using UnifiedMemory.Monitoring;

namespace UnifiedMemory.Embeddings;

/// <summary>
/// The instruments, spans and log lines of embedding. Spans follow the OpenTelemetry conventions for generative AI:
/// https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/#embeddings. None of it holds a text.
/// </summary>
internal sealed class EmbeddingTelemetry
{
    private readonly IEmbeddingProvider _provider;
    private readonly ILogger _logger;
    private readonly Histogram<int> _batchSize;
    private readonly Histogram<double> _duration;
    private readonly Counter<long> _cacheRequests;
    private readonly Counter<long> _rejected;

    public EmbeddingTelemetry(IEmbeddingProvider provider, Meter meter, ILogger logger)
    {
        _provider = provider;
        ProviderName = provider.GetType().Name;
        _logger = logger;
        _batchSize = meter.CreateHistogram<int>(
            "unifiedmemory.embedding.batch.size", "{text}", "Texts in one call to the embedding provider.");
        _duration = meter.CreateHistogram<double>(
            "unifiedmemory.embedding.duration", "s", "Duration of one call to the embedding provider.");
        _cacheRequests = meter.CreateCounter<long>(
            "unifiedmemory.embedding.cache.requests", "{request}", "Look-ups in the cache of query vectors.");
        _rejected = meter.CreateCounter<long>(
            "unifiedmemory.embedding.rejected", "{text}", "Texts that the model cannot embed.");
    }

    /// <summary>Who makes the vectors, as the space says.</summary>
    public string ProviderName { get; set; }

    /// <summary>Begins to measure a call. Its span is a child of its first text's caller, and linked to the others.</summary>
    public EmbeddingCall StartCall(List<EmbeddingWork> batch)
    {
        var purpose = batch[0].Purpose;
        _batchSize.Record(batch.Count, Tag(purpose));
        var others = batch.Skip(1).Select(work => work.Origin).Where(origin => origin != default).Distinct();
        var activity = Telemetry.Source.HasListeners()
            ? Telemetry.Source.StartActivity(
                ActivityKind.Client, batch[0].Origin, links: others.Select(origin => new ActivityLink(origin)),
                name: $"embeddings {_provider.Model}")
            : null;
        activity?
            .SetTag("gen_ai.operation.name", "embeddings")
            .SetTag("gen_ai.provider.name", ProviderName)
            .SetTag("gen_ai.request.model", _provider.Model)
            .SetTag("gen_ai.embeddings.dimension.count", _provider.Dimensions)
            .SetTag("unifiedmemory.embedding.batch.size", batch.Count);
        return new EmbeddingCall(this, purpose, activity);
    }

    public void CallEnded(TimeSpan duration, EmbeddingPurpose purpose, string? errorType)
    {
        var tags = new TagList { Tag(purpose) };
        if (errorType is not null)
            tags.Add("error.type", errorType);
        _duration.Record(duration.TotalSeconds, tags);
    }

    public void CacheAsked(bool hit) => _cacheRequests.Add(1, new KeyValuePair<string, object?>("hit", hit));

    public void BatchSplit(int texts) => _logger.BatchSplit(texts, _provider.Model);

    public void TextRejected(EmbeddingPurpose purpose, EmbeddingRejectedException reason)
    {
        _rejected.Add(1, Tag(purpose));
        _logger.TextRejected(_provider.Model, reason.Message);
    }

    private static KeyValuePair<string, object?> Tag(EmbeddingPurpose purpose) =>
        new("purpose", purpose == EmbeddingPurpose.Query ? "query" : "document");
}
