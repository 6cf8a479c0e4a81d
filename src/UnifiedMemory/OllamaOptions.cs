using UnifiedMemory.Embeddings;

namespace UnifiedMemory;

/// <summary>How <see cref="OllamaEmbeddingProvider"/> reaches and asks an Ollama service.</summary>
public sealed class OllamaOptions
{
    /// <summary>
    /// The service's address, <c>http</c> or <c>https</c>. Default: <c>null</c>, which means the environment variable
    /// <c>OLLAMA_HOST</c>, read as Ollama reads it, and <c>http://localhost:11434</c> where that is not set.
    /// </summary>
    public Uri? BaseAddress { get; set; }

    /// <summary>The embedding model's name in Ollama. Default: <c>nomic-embed-text</c>.</summary>
    public string Model { get; set; } = "nomic-embed-text";

    /// <summary>Numbers in each vector of the model, 1 to 2,000. Default: 768.</summary>
    public int Dimensions { get; set; } = 768;

    /// <summary>
    /// Put in front of every stored text. Default: <c>null</c>, which means what the model needs: <c>"search_document: "</c>
    /// for the <c>nomic-embed-text</c> family, nothing for others. Another prefix is another vector space.
    /// </summary>
    public string? DocumentPrefix { get; set; }

    /// <summary>
    /// Put in front of every query. Default: <c>null</c>, which means what the model needs: <c>"search_query: "</c> for the
    /// <c>nomic-embed-text</c> family, nothing for others. Another prefix is another vector space.
    /// </summary>
    public string? QueryPrefix { get; set; }

    /// <summary>Texts in one call, at least 1. Default: 16; large batches gave worse vectors (ollama/ollama#6262).</summary>
    public int MaxBatchItems { get; set; } = 16;

    /// <summary>Characters in one call, at least 1. Default: 65,536.</summary>
    public int MaxBatchCharacters { get; set; } = 64 * 1024;

    /// <summary>
    /// Calls under way at the same time, at least 1. Default: 2; the service itself often works on one and queues the others.
    /// </summary>
    public int MaxConcurrentCalls { get; set; } = 2;

    /// <summary>
    /// How long one attempt may take, more than zero. Default: 120 seconds, because a cold call loads the model first.
    /// </summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(120);

    /// <summary>
    /// Attempts after the first, 0 to 20. Default: 3, with exponential back-off and jitter. An overloaded or unreachable
    /// service is retried as often as this; a time-out, or an internal error on several texts at once, only once.
    /// </summary>
    public int MaxRetries { get; set; } = 3;

    /// <summary>
    /// Whether a text that is longer than the model's context may be cut. Default: <c>false</c>, it is rejected. What was
    /// cut is logged and counted.
    /// </summary>
    public bool Truncate { get; set; }

    /// <summary>
    /// Whether a missing model is pulled from the Ollama library on first use. Default: <c>false</c>: the call fails and says how.
    /// </summary>
    public bool PullMissingModel { get; set; }

    /// <summary>
    /// How long the model stays loaded after a call; <see cref="System.Threading.Timeout.InfiniteTimeSpan"/> for ever.
    /// Default: <c>null</c>, the service's own setting (5 minutes).
    /// </summary>
    public TimeSpan? KeepAlive { get; set; }

    /// <summary>The first back-off; each following one is about twice as long, up to 10 seconds.</summary>
    internal TimeSpan RetryDelay { get; set; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Every mistake in the options, each with its value and the way out; empty when there is none.</summary>
    internal IEnumerable<string> Validate()
    {
        if (BaseAddress is not null)
        {
            if (!BaseAddress.IsAbsoluteUri || BaseAddress.Scheme is not ("http" or "https"))
                yield return "OllamaOptions.BaseAddress must be an absolute http or https address, such as http://localhost:11434.";
            else if (BaseAddress.UserInfo.Length > 0)
                yield return "OllamaOptions.BaseAddress holds credentials; pass an HttpClient with an Authorization header instead.";
        }

        if (string.IsNullOrWhiteSpace(Model))
            yield return "OllamaOptions.Model is empty; name an embedding model, such as nomic-embed-text.";
        if (Dimensions is < 1 or > 2000)
            yield return $"OllamaOptions.Dimensions is {Dimensions}; it must be 1 to 2000, and what the model answers.";
        if (MaxBatchItems < 1)
            yield return $"OllamaOptions.MaxBatchItems is {MaxBatchItems}; it must be at least 1.";
        if (MaxBatchCharacters < 1)
            yield return $"OllamaOptions.MaxBatchCharacters is {MaxBatchCharacters}; it must be at least 1.";
        if (MaxConcurrentCalls < 1)
            yield return $"OllamaOptions.MaxConcurrentCalls is {MaxConcurrentCalls}; it must be at least 1.";
        // The upper bound is that of Polly's time-out strategy; the lower one too.
        if (Timeout < TimeSpan.FromMilliseconds(10) || Timeout > TimeSpan.FromDays(1))
            yield return $"OllamaOptions.Timeout is {Timeout}; it must be 10 milliseconds to 1 day, and long enough to load the model.";
        if (MaxRetries is < 0 or > 20)
            yield return $"OllamaOptions.MaxRetries is {MaxRetries}; it must be 0 to 20.";
        if (KeepAlive < TimeSpan.Zero && KeepAlive != System.Threading.Timeout.InfiniteTimeSpan)
            yield return $"OllamaOptions.KeepAlive is {KeepAlive}; it must not be negative, except Timeout.InfiniteTimeSpan.";
    }

    /// <summary>A copy with every default filled in, so that later changes to these options have no effect.</summary>
    internal OllamaOptions Resolve()
    {
        var resolved = (OllamaOptions)MemberwiseClone();
        var needsPrefixes = Model.Contains("nomic-embed-text", StringComparison.OrdinalIgnoreCase);
        resolved.BaseAddress = OllamaAddress.WithSlash(
            BaseAddress ?? OllamaAddress.Parse(Environment.GetEnvironmentVariable("OLLAMA_HOST")));
        resolved.DocumentPrefix ??= needsPrefixes ? "search_document: " : "";
        resolved.QueryPrefix ??= needsPrefixes ? "search_query: " : "";
        return resolved;
    }
}
