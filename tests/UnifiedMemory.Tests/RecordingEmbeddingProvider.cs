using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace UnifiedMemory.Tests;

/// <summary>
/// Vectors that a test can predict, and a record of what was embedded. A text such as <c>angle 30</c> is the unit vector at
/// that many degrees in the first two dimensions; any other text gets a direction from its hash in the remaining ones.
/// </summary>
public sealed class RecordingEmbeddingProvider(int dimensions = 8, string model = "recording") : IEmbeddingProvider
{
    private readonly ConcurrentQueue<string> _embedded = new();

    public string Model => model;

    public int Dimensions => dimensions;

    /// <summary>Every text that was embedded, in no particular order.</summary>
    public IReadOnlyCollection<string> Embedded => _embedded;

    /// <summary>Called before each batch is embedded; may throw or wait.</summary>
    public Func<IReadOnlyList<string>, CancellationToken, Task> OnEmbed { get; set; } = (_, _) => Task.CompletedTask;

    /// <summary>What it says of its space.</summary>
    public Func<EmbeddingSpace, EmbeddingSpace> OnDescribe { get; set; } = space => space;

    public ValueTask<EmbeddingSpace> DescribeAsync(CancellationToken cancellationToken = default) =>
        ValueTask.FromResult(OnDescribe(new EmbeddingSpace(nameof(RecordingEmbeddingProvider), model, dimensions)));

    public async Task<IReadOnlyList<float[]>> EmbedAsync(
        IReadOnlyList<string> texts, EmbeddingPurpose purpose, CancellationToken cancellationToken = default)
    {
        await OnEmbed(texts, cancellationToken);
        foreach (var text in texts)
            _embedded.Enqueue(text);
        return [.. texts.Select(Vector)];
    }

    private float[] Vector(string text)
    {
        var vector = new float[dimensions];
        if (text.StartsWith("angle ", StringComparison.Ordinal))
        {
            var degrees = double.Parse(text.Split(' ')[1], CultureInfo.InvariantCulture);
            (vector[0], vector[1]) = ((float)Math.Cos(degrees * Math.PI / 180), (float)Math.Sin(degrees * Math.PI / 180));
            return vector;
        }

        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(text));
        for (var i = 2; i < dimensions; i++)
            vector[i] = hash[i % hash.Length] - 127.5f;
        return vector;
    }
}
