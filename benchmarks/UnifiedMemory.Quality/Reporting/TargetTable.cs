using Spectre.Console;
using UnifiedMemory.Quality.Sets;

namespace UnifiedMemory.Quality.Reporting;

/// <summary>What the library wants to reach with the vectors that come with the sets, which are those of a weak model.</summary>
internal static class TargetTable
{
    private const string Metric = "recall@10";

    private static readonly (bool Conversations, string Mode, double AtLeast)[] Targets =
    [
        (true, "text", 65),
        (true, "hybrid", 68),
        (true, "hybrid+neighbours+time", 75),
        (false, "hybrid", 51),
    ];

    public static void Write(IEnumerable<RetrievalSet> sets, IReadOnlyList<Score> scores)
    {
        var table = new Table { Border = TableBorder.Markdown };
        table.AddColumns("set", "mode", $"{Metric} of all", "target", "");
        foreach (var set in sets)
        {
            foreach (var target in Targets.Where(target => target.Conversations == set.IsConversations))
            {
                var score = scores.Single(
                    score => (score.Set, score.Mode, score.Category, score.Metric) == (set.Name, target.Mode, Score.All, Metric));
                table.AddRow(
                    Markup.Escape(set.Name), target.Mode, $"{score.Value:0.0}", $"{target.AtLeast:0}", score.Value >= target.AtLeast ? "pass" : "FAIL");
            }
        }

        Console.WriteLine();
        WideConsole.Write(table);
    }
}
