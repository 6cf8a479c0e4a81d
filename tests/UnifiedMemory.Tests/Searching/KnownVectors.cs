using System.Security.Cryptography;
using System.Text;

namespace UnifiedMemory.Tests.Searching;

/// <summary>Gives each text the vector that the test says, and any other text a normally distributed one that follows from it.</summary>
internal sealed class KnownVectors(int dimensions) : IEmbeddingProvider
{
    private readonly Dictionary<string, float[]> _known = new(StringComparer.Ordinal);

    public string Model => "known";

    public int Dimensions => dimensions;

    public bool Fails { get; set; }

    /// <summary>Says that the text is at an angle in the first two dimensions, and returns it.</summary>
    public string At(double degrees, string text)
    {
        var vector = new float[dimensions];
        (vector[0], vector[1]) = ((float)Math.Cos(degrees * Math.PI / 180), (float)Math.Sin(degrees * Math.PI / 180));
        _known[text] = vector;
        return text;
    }

    public float[] Of(string text)
    {
        if (_known.TryGetValue(text, out var known))
            return known;
        var random = new Random(BitConverter.ToInt32(SHA256.HashData(Encoding.UTF8.GetBytes(text))));
        return [.. Enumerable.Range(0, dimensions).Select(_ => (float)
            (Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())))];
    }

    public double Cosine(string left, string right)
    {
        var (a, b) = (Of(left), Of(right));
        return Product(a, b) / Math.Sqrt(Product(a, a) * Product(b, b));

        static double Product(float[] x, float[] y) => x.Zip(y, (one, other) => (double)one * other).Sum();
    }

    public ValueTask<EmbeddingSpace> DescribeAsync(CancellationToken cancellationToken = default) =>
        ValueTask.FromResult(new EmbeddingSpace("known", Model, dimensions));

    public Task<IReadOnlyList<float[]>> EmbedAsync(
        IReadOnlyList<string> texts, EmbeddingPurpose purpose, CancellationToken cancellationToken = default) =>
        Fails
            ? throw new UnifiedMemoryException("embed", "The embedding service is down.", isTransient: false)
            : Task.FromResult<IReadOnlyList<float[]>>([.. texts.Select(Of)]);
}
