using Microsoft.Extensions.Logging;

namespace UnifiedMemory.Embeddings;

/// <summary>The log lines of embedding. Ids are stable; no line holds a text.</summary>
internal static partial class EmbeddingLog
{
    [LoggerMessage(201, LogLevel.Debug, "{Model} rejected a batch of {Texts} texts; it is halved to find the text at fault")]
    public static partial void BatchSplit(this ILogger logger, int texts, string model);

    [LoggerMessage(202, LogLevel.Warning, "{Model} cannot embed a text: {Reason}")]
    public static partial void TextRejected(this ILogger logger, string model, string reason);

    [LoggerMessage(203, LogLevel.Warning,
        "A text of {Characters} characters is longer than the context of {Model}; only its beginning is embedded")]
    public static partial void TextTruncated(this ILogger logger, int characters, string model);

    [LoggerMessage(204, LogLevel.Warning, "Attempt {Attempt} to embed with {Model} failed ({Reason}); next in {Delay}")]
    public static partial void Retrying(this ILogger logger, int attempt, string model, string reason, TimeSpan delay);

    [LoggerMessage(205, LogLevel.Error, "{Model} keeps failing: no calls to {Address} for {Pause}")]
    public static partial void CircuitOpened(this ILogger logger, string model, string address, TimeSpan pause);

    [LoggerMessage(206, LogLevel.Information, "Pulling {Model} from the Ollama library to {Address}")]
    public static partial void Pulling(this ILogger logger, string model, string address);

    [LoggerMessage(207, LogLevel.Information, "Pulled {Model}")]
    public static partial void Pulled(this ILogger logger, string model);
}
