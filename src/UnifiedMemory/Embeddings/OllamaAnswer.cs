using System.Net;

namespace UnifiedMemory.Embeddings;

/// <summary>
/// One answer of <c>/api/embed</c>. The service's own message is used to classify and then dropped: a proxy in between
/// may repeat the request in it, and memory content must not reach messages or logs.
/// </summary>
internal readonly record struct OllamaAnswer(OllamaOutcome Outcome, HttpStatusCode Status, int Texts, float[][]? Embeddings = null)
{
    /// <summary>Reads what a refusal means (status and message as of Ollama 0.30).</summary>
    public static OllamaAnswer Refused(HttpStatusCode status, string? error, int texts)
    {
        var outcome = (int)status switch
        {
            404 => Says(error, "model") ? OllamaOutcome.ModelMissing : OllamaOutcome.SetupRefused,
            400 or 500 when Says(error, "exceeds") && Says(error, "context") => OllamaOutcome.TooLong,
            400 or 500 when Says(error, "NaN") || Says(error, "unsupported value") => OllamaOutcome.NotFinite,
            400 when Says(error, "does not support") || Says(error, "model is required") || Says(error, "invalid model") =>
                OllamaOutcome.SetupRefused,
            400 or 413 or 422 => OllamaOutcome.TextRefused,
            408 or 429 or 502 or 503 or 504 => OllamaOutcome.Overloaded,
            >= 500 => OllamaOutcome.InternalError,
            _ => OllamaOutcome.SetupRefused,
        };
        return new OllamaAnswer(outcome, status, texts);
    }

    private static bool Says(string? error, string words) =>
        error is not null && error.Contains(words, StringComparison.OrdinalIgnoreCase);
}
