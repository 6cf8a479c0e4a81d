using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace UnifiedMemory.Input;

/// <summary>Metadata as the JSON text that is sent to the server.</summary>
internal static class MetadataJson
{
    private const int MaxBytes = 64 * 1024;
    private const int MaxDepth = 64;

    /// <summary>Not escaped beyond what JSON needs: it is stored, never put into HTML.</summary>
    public static JsonSerializerOptions Options { get; } =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = MaxDepth };

    public static string Serialize(JsonNode? node, string name, int depth = 1)
    {
        RequireStorable(node, name, depth);
        string json;
        try
        {
            json = node?.ToJsonString(Options) ?? "null";
        }
        catch (Exception exception) when (exception is JsonException or ArgumentException or NotSupportedException or InvalidOperationException)
        {
            throw new ArgumentException($"{name} cannot be written as JSON: {exception.Message}", exception);
        }

        var bytes = Encoding.UTF8.GetByteCount(json);
        if (bytes > MaxBytes)
            throw new ArgumentException($"{name} has {bytes:N0} bytes as JSON; at most {MaxBytes:N0} are allowed.");
        return json;
    }

    public static JsonObject Parse(string json) => (JsonObject)JsonNode.Parse(json)!;

    private static void RequireStorable(JsonNode? node, string name, int depth)
    {
        if (depth > MaxDepth)
            throw new ArgumentException($"{name} nests deeper than {MaxDepth} levels.");

        switch (node)
        {
            case JsonObject map:
                foreach (var (key, value) in map)
                {
                    TextRules.RequireStorable(key, $"A key of {name}", MaxBytes);
                    RequireStorable(value, name, depth + 1);
                }

                break;
            case JsonArray list:
                foreach (var value in list)
                    RequireStorable(value, name, depth + 1);
                break;
            case JsonValue scalar when scalar.TryGetValue<string>(out var text):
                TextRules.RequireStorable(text, $"A string of {name}", MaxBytes);
                break;
            case JsonValue scalar when scalar.TryGetValue<char>(out var character):
                TextRules.RequireStorable(character.ToString(), $"A character of {name}", MaxBytes);
                break;
        }
    }
}
