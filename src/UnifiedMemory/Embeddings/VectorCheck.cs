using System.Globalization;

namespace UnifiedMemory.Embeddings;

/// <summary>
/// What a vector must be before it is kept. PostgreSQL refuses NaN and infinity but accepts the zero vector, whose cosine
/// is NaN and which no index ever finds.
/// </summary>
internal static class VectorCheck
{
    /// <summary>What is wrong with the vector; <c>null</c> for a good one. The message holds numbers only.</summary>
    public static string? FindFault(float[]? vector, int dimensions)
    {
        if (vector is null)
            return "there is no vector";
        if (vector.Length != dimensions)
            return Invariant($"the vector has {vector.Length} numbers instead of {dimensions}");
        var squares = 0f;
        for (var i = 0; i < vector.Length; i++)
        {
            if (!float.IsFinite(vector[i]))
                return Invariant($"number {i} of the vector is {vector[i]}, which is not finite");
            squares += vector[i] * vector[i];
        }

        if (Array.TrueForAll(vector, number => number == 0))
            return "all numbers of the vector are zero";

        // pgvector adds the squares up in single precision, and a cosine of nothing or infinity is NaN.
        return squares > 0 && float.IsFinite(squares) ? null : $"the numbers of the vector are too {(squares > 0 ? "large" : "small")} to be compared";
    }

    /// <summary>The Euclidean length of the vector.</summary>
    public static double Norm(float[] vector)
    {
        var sum = 0.0;
        foreach (var number in vector)
            sum += (double)number * number;
        return Math.Sqrt(sum);
    }

    private static string Invariant(FormattableString message) => message.ToString(CultureInfo.InvariantCulture);
}
