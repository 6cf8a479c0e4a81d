using System.Buffers.Binary;

namespace UnifiedMemory.Quality.Sets;

/// <summary>A file of vectors: little-endian float32, one vector after the other, nothing else.</summary>
internal static class VectorFile
{
    /// <summary>So many vectors, each of as many numbers as the size of the file says.</summary>
    /// <exception cref="InvalidDataException">It does not hold that many vectors.</exception>
    public static float[][] Read(string path, int count)
    {
        var bytes = File.ReadAllBytes(path);
        var dimensions = count == 0 ? 0 : bytes.Length / count / sizeof(float);
        if (bytes.Length != (long)count * dimensions * sizeof(float) || (dimensions == 0 && count > 0))
            throw new InvalidDataException($"{path} has {bytes.Length:N0} bytes, which are not {count:N0} vectors of float32.");

        var vectors = new float[count][];
        for (var i = 0; i < count; i++)
        {
            vectors[i] = new float[dimensions];
            for (var j = 0; j < dimensions; j++)
                vectors[i][j] = BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(((i * dimensions) + j) * sizeof(float)));
        }

        return vectors;
    }
}
