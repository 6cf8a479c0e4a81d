namespace UnifiedMemory.Benchmarks.Measuring;

/// <summary>What was measured of one side, round by round.</summary>
internal sealed class Samples
{
    private const int Blocks = 10;

    private readonly List<double> _values = [];
    private double[]? _sorted;

    public int Count => _values.Count;

    public double Median => Percentile(0.5);

    public void Add(double value)
    {
        _values.Add(value);
        _sorted = null;
    }

    /// <summary>Interpolated between the two values that are nearest.</summary>
    public double Percentile(double share)
    {
        var sorted = _sorted ??= [.. _values.Order()];
        var place = share * (sorted.Length - 1);
        var below = (int)place;
        return sorted[below] + (place - below) * (sorted[Math.Min(below + 1, sorted.Length - 1)] - sorted[below]);
    }

    /// <summary>The ratio to another side of the same rounds: its median over the rounds, for loads of seconds.</summary>
    public double MedianRatioTo(Samples other)
    {
        var ratios = new Samples();
        for (var i = 0; i < Count; i++)
            ratios.Add(_values[i] / other._values[i]);
        return ratios.Median;
    }

    /// <summary>The ratio of the medians in each of ten parts of the run, lowest and highest: how far it can be trusted.</summary>
    public (double Lowest, double Highest) RangeOfRatioTo(Samples other)
    {
        var size = (Count + Blocks - 1) / Blocks;
        var ratios = _values.Chunk(size).Zip(other._values.Chunk(size), (mine, others) => MedianOf(mine) / MedianOf(others)).ToList();
        return (ratios.Min(), ratios.Max());
    }

    private static double MedianOf(double[] values)
    {
        var samples = new Samples();
        samples._values.AddRange(values);
        return samples.Median;
    }
}
