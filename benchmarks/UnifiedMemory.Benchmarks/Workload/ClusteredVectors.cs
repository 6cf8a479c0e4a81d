namespace UnifiedMemory.Benchmarks.Workload;

/// <summary>
/// Unit vectors around 200 centres, as embeddings of texts about 200 subjects are. Uniform noise would make every row about as
/// far away as any other, and an index over it behaves like none in practice. The same seed gives the same vectors.
/// </summary>
internal sealed class ClusteredVectors(int seed)
{
    public const int Dimensions = 768;

    private const int Clusters = 200;
    private const double Spread = 0.7;

    /// <summary>The same for every seed: queries and memories share their subjects.</summary>
    private static readonly float[][] Centres = [.. Enumerable.Range(0, Clusters).Select(cluster => Unit(new Random(7_000 + cluster)))];

    private readonly Random _random = new(seed);

    public float[] Next()
    {
        var vector = Unit(_random);
        var centre = Centres[_random.Next(Clusters)];
        for (var i = 0; i < Dimensions; i++)
            vector[i] = (float)(centre[i] + Spread * vector[i]);
        return Normalize(vector);
    }

    public float[][] Next(int count) => [.. Enumerable.Range(0, count).Select(_ => Next())];

    private static float[] Unit(Random random)
    {
        var vector = new float[Dimensions];
        for (var i = 0; i < Dimensions; i += 2)
        {
            var radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            var (sin, cos) = Math.SinCos(2 * Math.PI * random.NextDouble());
            vector[i] = (float)(radius * cos);
            vector[i + 1] = (float)(radius * sin);
        }

        return Normalize(vector);
    }

    private static float[] Normalize(float[] vector)
    {
        var length = MathF.Sqrt(vector.Sum(value => value * value));
        for (var i = 0; i < vector.Length; i++)
            vector[i] /= length;
        return vector;
    }
}
