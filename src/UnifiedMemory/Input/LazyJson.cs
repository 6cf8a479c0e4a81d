using System.Text.Json.Nodes;

namespace UnifiedMemory.Input;

/// <summary>
/// Metadata that are parsed when they are first asked for: who searches rarely looks at them, and parsing those of 20 matches was a tenth
/// of a search's work. A <see cref="Lazy{T}"/> for each would cost as much memory as is saved.
/// </summary>
internal sealed class LazyJson
{
    private readonly string _text = "";
    private JsonObject? _value;

    public LazyJson(string text) => _text = text;

    public LazyJson(JsonObject? value) => _value = value ?? [];

    /// <summary>One object for all who ask, at the same time too.</summary>
    public JsonObject Value =>
        Volatile.Read(ref _value) ?? Interlocked.CompareExchange(ref _value, MetadataJson.Parse(_text), comparand: null) ?? _value;
}
