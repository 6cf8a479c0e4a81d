using System.Diagnostics.Metrics;
using System.Text.Json;
using Polly;
using Polly.CircuitBreaker;
using Polly.Timeout;
using UnifiedMemory.Embeddings;

namespace UnifiedMemory;

public sealed partial class OllamaEmbeddingProvider
{
    private const double NormTolerance = 0.01;

    private static readonly TimeSpan QuestionTimeout = TimeSpan.FromSeconds(2);

    private static readonly Counter<long> Truncated = EmbeddingTelemetry.DefaultMeter.CreateCounter<long>(
        "unifiedmemory.embedding.truncated", "{text}", "Texts of which only the beginning was embedded.");

    private readonly ResiliencePipeline<OllamaAnswer> _pipeline;
    private readonly CancellationTokenSource _shutdown = new();
    private readonly Lock _pullGate = new();
    private Task? _pull;

    /// <inheritdoc/>
    /// <remarks>More texts than <see cref="Limits"/> allow are sent in several calls, one after the other.</remarks>
    public async Task<IReadOnlyList<float[]>> EmbedAsync(
        IReadOnlyList<string> texts, EmbeddingPurpose purpose, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        var prefix = purpose == EmbeddingPurpose.Query ? _options.QueryPrefix! : _options.DocumentPrefix!;
        foreach (var text in texts)
            RequireText(text);

        var vectors = new List<float[]>(texts.Count);
        foreach (var batch in EmbeddingBatchBudget.Split(texts, Limits))
            vectors.AddRange(await EmbedBatchAsync(batch, prefix, cancellationToken).ConfigureAwait(false));
        return vectors;
    }

    private async Task<float[][]> EmbedBatchAsync(IReadOnlyList<string> texts, string prefix, CancellationToken cancellationToken)
    {
        string[] inputs = [.. texts.Select(text => prefix + text)];
        var pullBefore = Volatile.Read(ref _pull);
        var answer = await CallAsync(inputs, truncate: false, cancellationToken).ConfigureAwait(false);
        if (answer.Outcome == OllamaOutcome.ModelMissing && _options.PullMissingModel)
        {
            await PullOnceAsync(pullBefore, cancellationToken).ConfigureAwait(false);
            answer = await CallAsync(inputs, truncate: false, cancellationToken).ConfigureAwait(false);
        }

        if (answer.Outcome == OllamaOutcome.TooLong && _options.Truncate)
            return await TruncateAsync(texts, prefix, cancellationToken).ConfigureAwait(false);
        return answer.Outcome == OllamaOutcome.Embedded ? Check(answer.Embeddings!, texts.Count) : throw Explain(answer, texts);
    }

    /// <summary>Halves the batch down to the texts that are too long, so that only those are cut, logged and counted.</summary>
    private async Task<float[][]> TruncateAsync(IReadOnlyList<string> texts, string prefix, CancellationToken cancellationToken)
    {
        if (texts.Count > 1)
        {
            var half = texts.Count / 2;
            var first = await EmbedBatchAsync([.. texts.Take(half)], prefix, cancellationToken).ConfigureAwait(false);
            var second = await EmbedBatchAsync([.. texts.Skip(half)], prefix, cancellationToken).ConfigureAwait(false);
            return [.. first, .. second];
        }

        var answer = await CallAsync([prefix + texts[0]], truncate: true, cancellationToken).ConfigureAwait(false);
        if (answer.Outcome != OllamaOutcome.Embedded)
            throw Explain(answer, texts);
        var vectors = Check(answer.Embeddings!, 1);
        _logger.TextTruncated(texts[0].Length, Model);
        Truncated.Add(1);
        return vectors;
    }

    private async Task<OllamaAnswer> CallAsync(string[] inputs, bool truncate, CancellationToken cancellationToken)
    {
        try
        {
            return await _pipeline.ExecuteAsync(
                static async (call, token) =>
                    await call.Client.EmbedAsync(call.Inputs, call.Truncate, token).ConfigureAwait(false),
                (Client: _client, Inputs: inputs, Truncate: truncate),
                cancellationToken).ConfigureAwait(false);
        }
        catch (BrokenCircuitException exception)
        {
            throw Unavailable("keeps failing and is left alone for a few seconds", exception);
        }
        catch (TimeoutRejectedException exception)
        {
            throw Unavailable($"did not answer within {_options.Timeout} (OllamaOptions.Timeout)", exception);
        }
        catch (Exception exception) when (OllamaResilience.IsUnreachable(exception))
        {
            throw Unavailable("cannot be reached; start it with 'ollama serve', or set OllamaOptions.BaseAddress or OLLAMA_HOST", exception);
        }
    }

    /// <summary>
    /// Pulls the model, or waits for a pull that began after the caller looked. One that had ended before was too early, or
    /// failed, or the model was removed since: then it is pulled again.
    /// </summary>
    private async Task PullOnceAsync(Task? pullBefore, CancellationToken cancellationToken)
    {
        Task pull;
        lock (_pullGate)
        {
            if (ReferenceEquals(_pull, pullBefore) && pullBefore is null or { IsCompleted: true })
                _pull = PullAsync();
            pull = _pull!;
        }

        // A caller's cancellation ends its waiting; the pull goes on for the others.
        await pull.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    private async Task PullAsync()
    {
        _logger.Pulling(Model, _client.ShownAddress);
        try
        {
            await _client.PullAsync(_timeProvider, _shutdown.Token).ConfigureAwait(false);
        }
        catch (Exception) when (_shutdown.IsCancellationRequested)
        {
            throw new ObjectDisposedException(nameof(OllamaEmbeddingProvider));
        }
        catch (Exception exception) when (
            OllamaResilience.IsUnreachable(exception) || exception is OperationCanceledException or JsonException)
        {
            throw Unavailable($"broke off while it pulled the model '{Model}'", exception);
        }

        _logger.Pulled(Model);
    }

    /// <summary>Asks a side question with a short time-out; no answer is no error.</summary>
    private async Task<T?> AskAsync<T>(Func<CancellationToken, Task<T?>> question, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(QuestionTimeout, _timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            return await question(either.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (
            !cancellationToken.IsCancellationRequested
            && exception is HttpRequestException or IOException or OperationCanceledException or JsonException)
        {
            return default;
        }
    }

    private float[][] Check(float[][] vectors, int texts)
    {
        if (vectors.Length != texts)
            throw new EmbeddingRejectedException($"The model '{Model}' answered {vectors.Length} vectors for {texts} texts.");
        for (var i = 0; i < vectors.Length; i++)
        {
            if ((VectorCheck.FindFault(vectors[i], Dimensions) ?? FindNormFault(vectors[i])) is { } fault)
                throw new EmbeddingRejectedException($"The model '{Model}' cannot embed text {i + 1} of {texts}: {fault}.");
        }

        return vectors;
    }

    private static string? FindNormFault(float[] vector)
    {
        var norm = VectorCheck.Norm(vector);
        return Math.Abs(norm - 1) <= NormTolerance
            ? null
            : FormattableString.Invariant($"the vector's norm is {norm:0.####} instead of 1 ± {NormTolerance}");
    }

    /// <summary>Half a character cannot be sent; the service would embed another text than was given.</summary>
    private static void RequireText(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        for (var i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i]))
                continue;
            if (i + 1 == text.Length || !char.IsSurrogatePair(text[i], text[i + 1]))
                throw new EmbeddingRejectedException($"The text is not valid Unicode: a lone surrogate at character {i}.");
            i++;
        }
    }
}
