using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace UnifiedMemory.Embeddings;

/// <summary>Ollama's HTTP API: one request a call, no retries, no checks of vectors.</summary>
internal sealed class OllamaClient(HttpClient http, OllamaOptions options)
{
    private readonly Uri _address = options.BaseAddress!;

    /// <summary>The address as messages show it: without path and credentials.</summary>
    public string ShownAddress { get; } = options.BaseAddress!.GetComponents(UriComponents.SchemeAndServer, UriFormat.Unescaped);

    /// <summary><c>POST /api/embed</c>.</summary>
    public async Task<OllamaAnswer> EmbedAsync(IReadOnlyList<string> inputs, bool truncate, CancellationToken cancellationToken)
    {
        // Go's duration format; negative means for ever.
        var keepAlive = options.KeepAlive is { } time ? FormattableString.Invariant($"{time.TotalMilliseconds:0}ms") : null;
        var request = new OllamaWire.EmbedRequest(options.Model, inputs, truncate, keepAlive);
        using var response = await SendAsync(
            HttpMethod.Post, "api/embed", request, OllamaWire.Json.Default.EmbedRequest, cancellationToken).ConfigureAwait(false);
        if (!response.IsSuccessStatusCode)
        {
            var error = await ReadErrorAsync(response, cancellationToken).ConfigureAwait(false);
            return OllamaAnswer.Refused(response.StatusCode, error, inputs.Count);
        }

        if (!IsJson(response))
            return new OllamaAnswer(OllamaOutcome.SetupRefused, response.StatusCode, inputs.Count);
        try
        {
            var answer = await response.Content.ReadFromJsonAsync(OllamaWire.Json.Default.EmbedAnswer, cancellationToken)
                .ConfigureAwait(false);
            return new OllamaAnswer(OllamaOutcome.Embedded, response.StatusCode, inputs.Count, answer?.Embeddings ?? []);
        }
        catch (JsonException)
        {
            // NaN and Infinity are no JSON numbers, yet a server may write them.
            return new OllamaAnswer(OllamaOutcome.NotFinite, response.StatusCode, inputs.Count);
        }
    }

    /// <summary>The model's entry in <c>GET /api/tags</c>; <c>null</c> when it is not pulled.</summary>
    public async Task<OllamaWire.LocalModel?> FindModelAsync(CancellationToken cancellationToken)
    {
        using var response = await SendAsync<string>(HttpMethod.Get, "api/tags", null, null, cancellationToken).ConfigureAwait(false);
        response.EnsureSuccessStatusCode();
        var tags = await response.Content.ReadFromJsonAsync(OllamaWire.Json.Default.TagsAnswer, cancellationToken).ConfigureAwait(false);
        var tagged = options.Model.Contains(':', StringComparison.Ordinal) ? options.Model : options.Model + ":latest";
        return tags?.Models?.FirstOrDefault(model => string.Equals(model.Name, tagged, StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>The length of the model's vectors by <c>POST /api/show</c>; <c>null</c> when it does not tell.</summary>
    public async Task<int?> FindDimensionsAsync(CancellationToken cancellationToken)
    {
        using var response = await SendAsync(
            HttpMethod.Post, "api/show", new OllamaWire.ModelRequest(options.Model), OllamaWire.Json.Default.ModelRequest,
            cancellationToken).ConfigureAwait(false);
        if (!response.IsSuccessStatusCode)
            return null;
        var shown = await response.Content.ReadFromJsonAsync(OllamaWire.Json.Default.ShowAnswer, cancellationToken).ConfigureAwait(false);
        var length = shown?.ModelInfo?
            .Where(entry => entry.Key.EndsWith(".embedding_length", StringComparison.Ordinal))
            .Select(entry => entry.Value)
            .FirstOrDefault();
        return length is { ValueKind: JsonValueKind.Number } number && number.TryGetInt32(out var value) ? value : null;
    }

    /// <summary><c>POST /api/pull</c>, read to its end. Each line of progress may take as long as the options' time-out.</summary>
    /// <exception cref="UnifiedMemoryException">The service reports an error, or ends without success.</exception>
    public async Task PullAsync(TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        using var stalled = new CancellationTokenSource(options.Timeout, timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stalled.Token, cancellationToken);
        using var response = await SendAsync(
            HttpMethod.Post, "api/pull", new OllamaWire.PullRequest(options.Model, Stream: true), OllamaWire.Json.Default.PullRequest,
            either.Token).ConfigureAwait(false);
        if (!response.IsSuccessStatusCode)
            throw NotPulled(await ReadErrorAsync(response, either.Token).ConfigureAwait(false) ?? $"status {(int)response.StatusCode}");

        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(either.Token).ConfigureAwait(false));
        OllamaWire.PullProgress? last = null;
        while (await reader.ReadLineAsync(either.Token).ConfigureAwait(false) is { } line)
        {
            stalled.CancelAfter(options.Timeout);
            if (line.Length == 0)
                continue;
            last = JsonSerializer.Deserialize(line, OllamaWire.Json.Default.PullProgress);
            if (last?.Error is { } error)
                throw NotPulled(error);
        }

        if (last?.Status != "success")
            throw NotPulled("the progress ended early");
    }

    private UnifiedMemoryException NotPulled(string reason) => new(
        "embed", $"Pulling the model '{options.Model}' to {ShownAddress} failed: {reason}. Try 'ollama pull {options.Model}'.",
        isTransient: false);

    private async Task<HttpResponseMessage> SendAsync<T>(
        HttpMethod method, string path, T? body, JsonTypeInfo<T>? type, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, new Uri(_address, path));
        if (type is not null)
            request.Content = JsonContent.Create(body!, type);
        return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
    }

    private static async Task<string?> ReadErrorAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        if (!IsJson(response))
            return null;
        try
        {
            var answer = await response.Content.ReadFromJsonAsync(OllamaWire.Json.Default.ErrorAnswer, cancellationToken)
                .ConfigureAwait(false);
            return answer?.Error;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static bool IsJson(HttpResponseMessage response) =>
        response.Content.Headers.ContentType is { MediaType: { } type } && type.Contains("json", StringComparison.OrdinalIgnoreCase);
}
