using UnifiedMemory.Quality.Scoring;
using UnifiedMemory.Quality.Sets;

namespace UnifiedMemory.Quality.Reporting;

/// <summary>A mean over the questions of a category, in percent.</summary>
/// <param name="Set">The name of the set.</param>
/// <param name="Mode">How was searched.</param>
/// <param name="Category">The category of the questions, or <see cref="All"/>.</param>
/// <param name="Metric">What is measured.</param>
/// <param name="Value">The mean.</param>
/// <param name="Low">The lower bound of its interval of 95 %.</param>
/// <param name="High">The upper bound.</param>
/// <param name="Questions">How many questions there are.</param>
internal sealed record Score(string Set, string Mode, string Category, string Metric, double Value, double Low, double High, int Questions)
{
    public const string All = "all";

    /// <summary>Every metric for all questions and for each category.</summary>
    public static IEnumerable<Score> Of(RetrievalSet set, string mode, IReadOnlyList<IReadOnlyList<string>> found)
    {
        var questions = set.Questions.Zip(found).ToList();
        var categories = questions.Where(one => one.First.Category is not (null or All))
            .GroupBy(one => one.First.Category!)
            .OrderBy(one => one.Key, StringComparer.Ordinal)
            .Select(one => (one.Key, one.ToList()))
            .Prepend((All, questions));
        foreach (var (category, asked) in categories)
        {
            foreach (var metric in Scoring.Metric.All)
            {
                var values = asked.Select(one => 100 * metric.Of(one.Second, one.First.Evidence)).ToList();
                var (low, high) = Bootstrap.Interval(values);
                yield return new Score(set.Name, mode, category, metric.Name, values.Average(), low, high, values.Count);
            }
        }
    }
}
