using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;

namespace UnifiedMemory.Input;

/// <summary>Metadata as the JSON text that is sent to the server.</summary>
internal static partial class MetadataJson
{
    private const int MaxBytes = 64 * 1024;
    private const int MaxDepth = 64;

    /// <summary>Not escaped beyond what JSON needs: it is stored, never put into HTML. Values of any type that .NET can write.</summary>
    private static readonly JsonSerializerOptions Options = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        MaxDepth = MaxDepth,
        TypeInfoResolver = new DefaultJsonTypeInfoResolver(),
    };

    /// <summary>Of two properties with the same name PostgreSQL would keep the last without a word.</summary>
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = MaxDepth };

    /// <exception cref="ArgumentException">It is no JSON, or none that PostgreSQL can hold.</exception>
    public static string Serialize(JsonNode? node, string name)
    {
        string json;
        try
        {
            json = node?.ToJsonString(Options) ?? "null";
            JsonDocument.Parse(json, Strict).Dispose();
        }
        catch (Exception exception) when (exception is JsonException or ArgumentException or NotSupportedException or InvalidOperationException)
        {
            throw new ArgumentException($"{name} cannot be written as JSON: {exception.Message}", exception);
        }

        if (NotStorable().Match(json) is { Success: true, Groups: var groups })
        {
            throw new ArgumentException(
                $"{name} holds {(groups["code"].Value == "0000" ? "U+0000" : "half a surrogate pair")} at character {groups["code"].Index} "
                + "of its JSON, which PostgreSQL cannot store. Remove it.");
        }

        var bytes = Encoding.UTF8.GetByteCount(json);
        if (bytes > MaxBytes)
            throw new ArgumentException($"{name} has {bytes:N0} bytes as JSON; at most {MaxBytes:N0} are allowed.");
        return json;
    }

    public static JsonObject Parse(string json) => (JsonObject)JsonNode.Parse(json)!;

    /// <summary>
    /// An escape, not an escaped backslash before it. The writer makes the one of U+FFFD of half a surrogate pair only: a
    /// real U+FFFD stands for itself.
    /// </summary>
    [GeneratedRegex(@"(?<!\\)(\\\\)*\\u(?<code>0000|FFFD)", RegexOptions.ExplicitCapture)]
    private static partial Regex NotStorable();
}
