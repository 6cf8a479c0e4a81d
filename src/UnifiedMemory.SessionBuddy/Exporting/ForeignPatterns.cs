using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using DuckDB.NET.Data;
using UnifiedMemory.SessionBuddy.Files;
using UnifiedMemory.SessionBuddy.Importing;
using UnifiedMemory.SessionBuddy.Text;

namespace UnifiedMemory.SessionBuddy.Exporting;

/// <summary>
/// The patterns that a file has from elsewhere. Once they are imported, the store has them under ids of its own, and they would
/// be in the file twice.
/// </summary>
internal sealed class ForeignPatterns
{
    private static readonly string[] Columns = ["id", "pattern_type", "project_id", "context_snapshot", "solution_snapshot"];

    private readonly HashSet<string> _foreign = new(StringComparer.Ordinal);
    private readonly HashSet<string> _fromHere = new(StringComparer.Ordinal);

    public ForeignPatterns(DuckDBConnection connection, IEnumerable<ProjectPattern> ofStore)
    {
        var ids = ofStore.Select(pattern => Ulid.From(pattern.Id)).ToHashSet(StringComparer.Ordinal);
        foreach (var row in FileTable.Read(connection, ProjectTables.Patterns, Columns))
        {
            if (ids.Contains(row.Id))
                _fromHere.Add(row.Id);
            else if (IdentityOf(row) is { } identity)
                _foreign.Add(identity);
        }
    }

    /// <summary>Whether an equal one is there under another id, and this one is not.</summary>
    public bool Include(ProjectPattern pattern) =>
        _foreign.Count > 0
        && !_fromHere.Contains(Ulid.From(pattern.Id))
        && _foreign.Contains(Identity(pattern.PatternType, pattern.ProjectId, pattern.Context, pattern.Solution));

    private static string? IdentityOf(FileRow row)
    {
        try
        {
            return Identity(row.Text("pattern_type"), row.Text("project_id"), row.Object("context_snapshot"), row.Object("solution_snapshot"));
        }
        catch (ArgumentException)
        {
            // A name that an object has twice: the store has no such pattern.
            return null;
        }
    }

    /// <summary>What two patterns of a namespace have in common when they are the same one.</summary>
    private static string Identity(string? type, string? project, JsonObject context, JsonObject solution) =>
        string.Join(',', Canonical(type), Canonical(project), Canonical(context), Canonical(solution));

    /// <summary>The store keeps documents as jsonb, which knows neither an order of names nor how a number was written.</summary>
    private static string Canonical(JsonNode? node) => node switch
    {
        null => "null",
        JsonObject document => $"{{{string.Join(',', document.OrderBy(member => member.Key, StringComparer.Ordinal)
            .Select(member => $"{Canonical(member.Key)}:{Canonical(member.Value)}"))}}}",
        JsonArray array => $"[{string.Join(',', array.Select(Canonical))}]",
        JsonValue value when value.GetValueKind() == JsonValueKind.Number && value.TryGetValue<double>(out var number) =>
            number.ToString("R", CultureInfo.InvariantCulture),
        _ => node.ToJsonString(),
    };
}
