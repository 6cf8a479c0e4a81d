using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace UnifiedMemory.Benchmarks.Reporting;

/// <summary>What a run found: Markdown on the console and in <c>results.md</c>, plots beside it, and every value by its name.</summary>
internal sealed class Report(string directory)
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private readonly StringBuilder _text = new();
    private readonly SortedDictionary<string, double> _values = new(StringComparer.Ordinal);

    public string Directory { get; } = System.IO.Directory.CreateDirectory(directory).FullName;

    public void Line(string text)
    {
        Console.WriteLine(text);
        _text.AppendLine(text);
    }

    public void Table(IReadOnlyList<string> header, IEnumerable<IReadOnlyList<string>> rows)
    {
        Line(Row(header));
        Line(string.Concat(Enumerable.Repeat("|---", header.Count)) + "|");
        foreach (var row in rows)
            Line(Row(row));

        static string Row(IReadOnlyList<string> cells) => $"| {string.Join(" | ", cells)} |";
    }

    /// <summary>Keeps a value under its name, and shows it.</summary>
    public string Value(string name, double value, Target? target = null, string format = "0.00")
    {
        _values[name] = value;
        return target?.Judge(value, format) ?? value.ToString(format, CultureInfo.InvariantCulture);
    }

    public void Plot(string file, Plot plot)
    {
        plot.Save(Path.Combine(Directory, file));
        Line($"![{plot.Title}]({file})");
    }

    public async Task SaveAsync(string? json)
    {
        if (json is not null)
        {
            var values = _values.Select(value => (JsonNode)new JsonObject { ["name"] = value.Key, ["value"] = value.Value });
            await File.WriteAllTextAsync(json, new JsonArray([.. values]).ToJsonString(Indented));
        }

        await File.WriteAllTextAsync(Path.Combine(Directory, "results.md"), _text.ToString());
    }
}
