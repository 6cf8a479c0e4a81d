using System.Globalization;
using UnifiedMemory.Embeddings;

namespace UnifiedMemory;

public sealed partial class OllamaEmbeddingProvider
{
    /// <summary>The exception for an answer without vectors. Messages hold lengths and names, never a text.</summary>
    private UnifiedMemoryException Explain(OllamaAnswer answer, IReadOnlyList<string> texts)
    {
        var longest = texts.Max(text => text.Length).ToString("N0", CultureInfo.InvariantCulture);
        var status = (int)answer.Status;
        var several = texts.Count > 1;
        return answer.Outcome switch
        {
            OllamaOutcome.ModelMissing => Misconfigured(
                $"The model '{Model}' is not on {_client.ShownAddress}. Run 'ollama pull {Model}', or set OllamaOptions.PullMissingModel."),
            OllamaOutcome.TooLong => new EmbeddingRejectedException(
                (several ? $"One of {texts.Count} texts, the longest of {longest} characters," : $"The text of {longest} characters") +
                $" is longer than the context of the model '{Model}'. Store it in smaller pieces, or set OllamaOptions.Truncate."),
            OllamaOutcome.NotFinite => new EmbeddingRejectedException(
                $"The model '{Model}' made numbers that are not finite of {Of(texts)}."),
            OllamaOutcome.TextRefused => new EmbeddingRejectedException(
                $"The service at {_client.ShownAddress} refused {Of(texts)} with status {status}."),
            OllamaOutcome.InternalError when several => new EmbeddingRejectedException(
                $"The service at {_client.ShownAddress} answered {status} for {Of(texts)}; one of them may be the cause."),
            OllamaOutcome.InternalError or OllamaOutcome.Overloaded => Unavailable($"answered {status}", null),
            _ => Misconfigured(
                $"The service at {_client.ShownAddress} answered {status} to POST /api/embed for the model '{Model}'. " +
                "Check that the address is an Ollama service and that the model embeds."),
        };
    }

    private static string Of(IReadOnlyList<string> texts) => texts.Count == 1
        ? string.Create(CultureInfo.InvariantCulture, $"a text of {texts[0].Length:N0} characters")
        : $"a batch of {texts.Count} texts";

    private static UnifiedMemoryException Misconfigured(string message) => new("embed", message, isTransient: false);

    private UnifiedMemoryException Unavailable(string what, Exception? exception) => new(
        "embed", $"The embedding service at {_client.ShownAddress} {what}.", isTransient: true, exception);
}
