using System.Text.Json;
using System.Text.Json.Serialization;

namespace UnifiedMemory.Embeddings;

/// <summary>The messages of Ollama's HTTP API that are used here (https://docs.ollama.com/api).</summary>
internal static partial class OllamaWire
{
    internal sealed record EmbedRequest(string Model, IReadOnlyList<string> Input, bool Truncate, string? KeepAlive);

    internal sealed record EmbedAnswer(float[][]? Embeddings);

    internal sealed record ErrorAnswer(string? Error);

    internal sealed record TagsAnswer(IReadOnlyList<LocalModel>? Models);

    internal sealed record LocalModel(string? Name, string? Digest);

    internal sealed record ModelRequest(string Model);

    internal sealed record ShowAnswer(IReadOnlyDictionary<string, JsonElement>? ModelInfo);

    internal sealed record PullRequest(string Model, bool Stream);

    internal sealed record PullProgress(string? Status, string? Error);

    [JsonSourceGenerationOptions(
        PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
    [JsonSerializable(typeof(EmbedRequest))]
    [JsonSerializable(typeof(EmbedAnswer))]
    [JsonSerializable(typeof(ErrorAnswer))]
    [JsonSerializable(typeof(TagsAnswer))]
    [JsonSerializable(typeof(ModelRequest))]
    [JsonSerializable(typeof(ShowAnswer))]
    [JsonSerializable(typeof(PullRequest))]
    [JsonSerializable(typeof(PullProgress))]
    internal sealed partial class Json : JsonSerializerContext;
}
