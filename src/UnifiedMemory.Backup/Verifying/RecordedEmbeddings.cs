using System.Globalization;
using System.Runtime.InteropServices;

namespace UnifiedMemory.Backup.Verifying;

/// <summary>Knows the vectors of the recorded searches, so that a restored store answers without an embedding service.</summary>
internal sealed class RecordedEmbeddings(BackupManifest manifest, EmbeddingSpace space) : IEmbeddingProvider
{
    private const string Word = "canary ";

    public string Model => space.Model;

    public int Dimensions => space.Dimensions;

    public static string TextOf(int canary) => string.Create(CultureInfo.InvariantCulture, $"{Word}{canary}");

    public Task<IReadOnlyList<float[]>> EmbedAsync(
        IReadOnlyList<string> texts, EmbeddingPurpose purpose, CancellationToken cancellationToken = default) =>
        Task.FromResult<IReadOnlyList<float[]>>([.. texts.Select(Vector)]);

    public ValueTask<EmbeddingSpace> DescribeAsync(CancellationToken cancellationToken = default) => ValueTask.FromResult(space);

    private float[] Vector(string text) => MemoryMarshal.Cast<byte, float>(Convert.FromBase64String(
        manifest.Canaries[int.Parse(text.AsSpan(Word.Length), CultureInfo.InvariantCulture)].Vector)).ToArray();
}
