using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using UnifiedMemory.Embeddings;

namespace UnifiedMemory;

/// <summary>
/// Embeds with a model that an <see href="https://ollama.com">Ollama</see> service runs, over <c>POST /api/embed</c>. The default
/// provider: <c>nomic-embed-text</c>, 768 dimensions, with the task prefixes that this model needs.
/// </summary>
/// <remarks>
/// <para>
/// Calls are limited, retried with back-off, cut off by a circuit breaker and timed out, see <see cref="OllamaOptions"/>.
/// Every answer is checked: as many vectors as texts, each <c>float[Dimensions]</c>, finite, with a norm within 1 ± 0.01.
/// </para>
/// <para>
/// Ollama fails a whole batch for one bad text, sometimes with a 500. A 500 that remains after the retries is therefore
/// an <see cref="EmbeddingRejectedException"/> for several texts (the batch is rejected: halve it, and the text at fault
/// will stand alone) and a transient <see cref="UnifiedMemoryException"/> for a single one.
/// </para>
/// </remarks>
public sealed partial class OllamaEmbeddingProvider : IEmbeddingProvider, IDisposable
{
    private readonly OllamaOptions _options;
    private readonly OllamaClient _client;
    private readonly HttpClient? _ownHttp;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger _logger;

    /// <summary>Creates the provider. Nothing is sent before the first call.</summary>
    /// <param name="options">Copied: later changes have no effect.</param>
    /// <param name="httpClient">
    /// Sends the requests and stays the caller's; its <see cref="HttpClient.Timeout"/> should be longer than
    /// <see cref="OllamaOptions.Timeout"/>. Default: an own client with pooled connections.
    /// </param>
    /// <param name="timeProvider">Back-off and time-outs. Default: <see cref="TimeProvider.System"/>.</param>
    /// <param name="logger">Told about retries, truncated texts and pulls; never about a text's content. Default: none.</param>
    /// <exception cref="ArgumentException">The options are not valid. The message lists every mistake.</exception>
    public OllamaEmbeddingProvider(
        OllamaOptions options, HttpClient? httpClient = null, TimeProvider? timeProvider = null,
        ILogger<OllamaEmbeddingProvider>? logger = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        var mistakes = string.Join(" ", options.Validate());
        if (mistakes.Length > 0)
            throw new ArgumentException(mistakes, nameof(options));

        _options = options.Resolve();
        _timeProvider = timeProvider ?? TimeProvider.System;
        _logger = logger ?? NullLogger<OllamaEmbeddingProvider>.Instance;
        _ownHttp = httpClient is null ? CreateHttpClient() : null;
        _client = new OllamaClient(httpClient ?? _ownHttp!, _options);
        _pipeline = OllamaResilience.Build(_options, _client.ShownAddress, _timeProvider, _logger);
        Limits = new EmbeddingLimits(_options.MaxBatchItems, _options.MaxBatchCharacters, _options.MaxConcurrentCalls);
    }

    /// <inheritdoc/>
    public string Model => _options.Model;

    /// <inheritdoc/>
    public int Dimensions => _options.Dimensions;

    /// <summary>As the options say: 16 texts, 65,536 characters and 2 calls by default.</summary>
    public EmbeddingLimits Limits { get; }

    /// <summary>
    /// Whether the service answers within 2 seconds and has the model. Never throws for a service that is out of reach.
    /// </summary>
    /// <param name="options">Where to look, and for which model. Default: the default options.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="ArgumentException">The options are not valid.</exception>
    public static async Task<bool> IsAvailableAsync(OllamaOptions? options = null, CancellationToken cancellationToken = default)
    {
        using var provider = new OllamaEmbeddingProvider(options ?? new OllamaOptions());
        return await provider.FindModelOrNullAsync(cancellationToken).ConfigureAwait(false) is not null;
    }

    /// <summary>
    /// The identity of the vector space: provider <c>ollama</c>, the model, its digest (<c>null</c> while the service is out of
    /// reach or has not pulled the model), the dimensions and the prefixes.
    /// </summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="UnifiedMemoryException">
    /// The service says that the model's vectors have another length than <see cref="OllamaOptions.Dimensions"/>.
    /// </exception>
    public async ValueTask<EmbeddingSpace> DescribeAsync(CancellationToken cancellationToken = default)
    {
        var model = await FindModelOrNullAsync(cancellationToken).ConfigureAwait(false);
        var dimensions = model is null
            ? null
            : await AskAsync(_client.FindDimensionsAsync, cancellationToken).ConfigureAwait(false);
        if (dimensions is { } length && length != Dimensions)
        {
            throw new UnifiedMemoryException(
                "embed",
                $"The vectors of the model '{Model}' have {length} numbers, but OllamaOptions.Dimensions is {Dimensions}. " +
                $"Set it to {length}, or choose another model.",
                isTransient: false);
        }

        return new EmbeddingSpace("ollama", Model, Dimensions)
        {
            Digest = model?.Digest,
            DocumentPrefix = _options.DocumentPrefix!,
            QueryPrefix = _options.QueryPrefix!,
        };
    }

    /// <summary>Ends a pull that is under way and closes the provider's own connections.</summary>
    public void Dispose()
    {
        // Not disposed: a pull may still hold its token, and it has no timer.
        _shutdown.Cancel();
        _ownHttp?.Dispose();
    }

    private Task<OllamaWire.LocalModel?> FindModelOrNullAsync(CancellationToken cancellationToken) =>
        AskAsync(_client.FindModelAsync, cancellationToken);

    // Each attempt has its own time-out, so the client has none. Renewed connections follow DNS changes.
    private static HttpClient CreateHttpClient() => new(new SocketsHttpHandler
    {
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        ConnectTimeout = TimeSpan.FromSeconds(10),
    })
    {
        Timeout = System.Threading.Timeout.InfiniteTimeSpan,
    };
}
