using Spectre.Console;
using UnifiedMemory.Quality.Scoring;
using UnifiedMemory.Quality.Sets;

namespace UnifiedMemory.Quality.Reporting;

/// <summary>The scores of a set as a Markdown table, so that a run can be kept as it is.</summary>
internal static class ScoreTable
{
    public static void Write(RetrievalSet set, IReadOnlyList<Score> scores)
    {
        var table = new Table { Border = TableBorder.Markdown };
        table.AddColumns("category", "questions", "mode");
        foreach (var metric in Metric.All)
            table.AddColumn(new TableColumn(metric.Name).RightAligned());
        foreach (var row in scores.GroupBy(score => score.Category).SelectMany(category => category.GroupBy(score => score.Mode)))
        {
            string[] cells = [row.First().Category, $"{row.First().Questions:N0}", row.Key, .. row.Select(Shown)];
            table.AddRow([.. cells.Select(Markup.Escape)]);
        }

        Console.WriteLine();
        Console.WriteLine($"{set.Name}, in percent, with intervals of 95 % (bootstrap over the questions, {Bootstrap.Resamples:N0} resamples, seeded)");
        WideConsole.Write(table);
    }

    private static string Shown(Score score) => $"{score.Value:0.0} ({score.Low:0.0}–{score.High:0.0})";
}
