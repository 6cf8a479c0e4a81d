using System.Buffers.Binary;

namespace UnifiedMemory.Quality.Sets;

/// <summary>A file of vectors: little-endian float32, one vector after the other, nothing else.</summary>
internal static class VectorFile
{
    public const int Dimensions = 512;

    /// <exception cref="InvalidDataException">It does not hold that many vectors.</exception>
    public static float[][] Read(string path, int count)
    {
        var bytes = File.ReadAllBytes(path);
        if (bytes.Length != (long)count * Dimensions * sizeof(float))
        {
            throw new InvalidDataException(
                $"{path} has {bytes.Length:N0} bytes; {count:N0} vectors of {Dimensions} float32 have {(long)count * Dimensions * sizeof(float):N0}.");
        }

        var vectors = new float[count][];
        for (var i = 0; i < count; i++)
        {
            vectors[i] = new float[Dimensions];
            for (var j = 0; j < Dimensions; j++)
                vectors[i][j] = BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(((i * Dimensions) + j) * sizeof(float)));
        }

        return vectors;
    }
}
