using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace UnifiedMemory.Exchange;

/// <summary>How the lines of an export are written: readable, and without what is not set.</summary>
internal static class ExportJson
{
    /// <summary>What the store takes may be 64 deep by itself, and is inside of something here.</summary>
    private const int MaxDepth = 128;

    public static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        MaxDepth = MaxDepth,
    };
}
