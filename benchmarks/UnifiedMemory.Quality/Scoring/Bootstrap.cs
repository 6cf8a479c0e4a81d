namespace UnifiedMemory.Quality.Scoring;

/// <summary>
/// How far a mean over questions may be off by the choice of the questions: the percentile bootstrap of Efron,
/// https://doi.org/10.1214/aos/1176344552. Seeded, so that the same values give the same interval.
/// </summary>
internal static class Bootstrap
{
    public const int Resamples = 1_000;

    private const int Seed = 20261125;

    /// <summary>The bounds between which 95 % of the means of equally many values lie, drawn from these with replacement.</summary>
    public static (double Low, double High) Interval(IReadOnlyList<double> values)
    {
        if (values.Count == 0)
            throw new ArgumentException("There are no values.", nameof(values));

        var random = new Random(Seed);
        var means = new double[Resamples];
        for (var i = 0; i < Resamples; i++)
        {
            var sum = 0.0;
            for (var j = 0; j < values.Count; j++)
                sum += values[random.Next(values.Count)];
            means[i] = sum / values.Count;
        }

        Array.Sort(means);
        return (means[Resamples * 25 / 1_000], means[(Resamples * 975 / 1_000) - 1]);
    }
}
