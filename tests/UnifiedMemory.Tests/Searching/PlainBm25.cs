namespace UnifiedMemory.Tests.Searching;

/// <summary>BM25 as the books have it, over texts whose words are separated by blanks: what the ranking in SQL is compared with.</summary>
internal sealed class PlainBm25(IReadOnlyCollection<string> scope)
{
    private const double K1 = 0.9;
    private const double B = 0.4;

    private readonly Dictionary<string, Dictionary<string, int>> _frequencies =
        scope.ToDictionary(text => text, text => text.Split(' ').CountBy(word => word).ToDictionary());

    public double Score(string query, string text)
    {
        var average = _frequencies.Values.Average(words => words.Count);
        return query.Split(' ').Distinct().Sum(word =>
        {
            var memories = _frequencies.Values.Count(words => words.ContainsKey(word));
            var weight = Math.Log(1 + ((scope.Count - memories + 0.5) / (memories + 0.5)));
            double frequency = _frequencies[text].GetValueOrDefault(word);
            return weight * frequency * (K1 + 1) / (frequency + (K1 * (1 - B + (B * _frequencies[text].Count / average))));
        });
    }
}
