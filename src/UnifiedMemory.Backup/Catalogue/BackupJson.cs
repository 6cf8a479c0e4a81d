using System.Text.Json;
using System.Text.Json.Serialization;

namespace UnifiedMemory.Backup.Catalogue;

/// <summary>How manifests and reports are written.</summary>
internal static class BackupJson
{
    public static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };
}
