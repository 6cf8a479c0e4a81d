using System.Text.Json;

namespace UnifiedMemory.Quality.Reporting;

/// <summary>The scores as JSON: a list of <c>{set, mode, category, metric, value}</c>, values in percent.</summary>
internal static class ScoreFile
{
    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static async Task WriteAsync(string path, IEnumerable<Score> scores, CancellationToken cancellationToken)
    {
        await using var file = File.Create(path);
        await JsonSerializer.SerializeAsync(
            file,
            scores.Select(score => new { score.Set, score.Mode, score.Category, score.Metric, Value = Math.Round(score.Value, 4) }),
            Format,
            cancellationToken);
    }
}
