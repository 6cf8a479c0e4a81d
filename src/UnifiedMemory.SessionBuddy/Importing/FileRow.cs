using System.Collections;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace UnifiedMemory.SessionBuddy.Importing;

/// <summary>A row of any table: its columns by name, since layouts differ. A column that is not there is <c>null</c>.</summary>
internal sealed class FileRow(IReadOnlyDictionary<string, object> values)
{
    public string Id => Text("id") ?? "";

    public string? Text(string column) => Value(column) is { } value ? Convert.ToString(value, CultureInfo.InvariantCulture) : null;

    public double? Number(string column) => Value(column) is IConvertible and not string and not DateTime
        ? Convert.ToDouble(values[column], CultureInfo.InvariantCulture)
        : null;

    /// <summary>Times in the file are UTC.</summary>
    public DateTimeOffset? Time(string column) =>
        Value(column) is DateTime time ? new DateTimeOffset(DateTime.SpecifyKind(time, DateTimeKind.Utc)) : null;

    public List<string> List(string column) => Value(column) switch
    {
        string json => Json(json) is JsonArray array ? [.. array.Select(node => node?.ToString()).OfType<string>()] : [],
        IEnumerable list => [.. list.Cast<object?>().Select(item => Convert.ToString(item, CultureInfo.InvariantCulture)).OfType<string>()],
        _ => [],
    };

    /// <summary>A document; what is no object becomes the value of one.</summary>
    public JsonObject Object(string column) => Text(column) is not { } text
        ? []
        : Json(text) switch
        {
            JsonObject document => document,
            var node => new JsonObject { ["value"] = node ?? JsonValue.Create(text) },
        };

    /// <summary>All columns but these, as they are.</summary>
    public JsonObject Rest(IReadOnlySet<string> known)
    {
        var rest = new JsonObject();
        foreach (var (column, value) in values.Where(value => !known.Contains(value.Key)))
        {
            rest[column] = value switch
            {
                string text when text.StartsWith('{') || text.StartsWith('[') => Json(text) ?? JsonValue.Create(text),
                string text => text,
                bool flag => flag,
                DateTime time => DateTime.SpecifyKind(time, DateTimeKind.Utc).ToString("O", CultureInfo.InvariantCulture),
                IEnumerable => new JsonArray([.. List(column).Select(item => (JsonNode)item)]),
                IConvertible number => Convert.ToDouble(number, CultureInfo.InvariantCulture) is var figure && double.IsFinite(figure) ? figure : null,
                _ => Convert.ToString(value, CultureInfo.InvariantCulture),
            };
        }

        return rest;
    }

    private object? Value(string column) => values.GetValueOrDefault(column);

    private static JsonNode? Json(string text)
    {
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
