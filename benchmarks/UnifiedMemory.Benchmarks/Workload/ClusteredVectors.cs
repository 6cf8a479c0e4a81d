namespace UnifiedMemory.Benchmarks.Workload;

/// <summary>
/// Unit vectors around 200 centres, as embeddings of texts about 200 subjects are; above 100,000 memories one for each 500, as a larger
/// collection has more subjects. Uniform noise would make every row about as far away as any other, and an index over it behaves like none
/// in practice; thousands around one centre are just that. The same seed gives the same vectors.
/// </summary>
internal sealed class ClusteredVectors(int seed, int memories)
{
    public const int Dimensions = 768;

    private const int FewestClusters = 200;
    private const int MemoriesOfCluster = 500;
    private const double Spread = 0.7;

    /// <summary>The same for every seed: queries and memories share their subjects.</summary>
    private readonly float[][] _centres =
        [.. Enumerable.Range(0, Math.Max(FewestClusters, memories / MemoriesOfCluster)).Select(cluster => Unit(new Random(7_000 + cluster)))];

    private readonly Random _random = new(seed);

    public float[] Next()
    {
        var vector = Unit(_random);
        var centre = _centres[_random.Next(_centres.Length)];
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
