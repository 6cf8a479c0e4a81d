namespace UnifiedMemory.Indexing;

/// <summary>What a measurement found.</summary>
/// <param name="Effort">The least effort that surely reached the target, or the highest there is.</param>
/// <param name="Recall">The recall at 20 with it.</param>
/// <param name="Scans">How often the index was scanned for it.</param>
internal sealed record MeasuredRecall(int Effort, double Recall, long Scans)
{
    /// <summary>How far off <see cref="Recall"/> may be in either direction, each 95 % sure.</summary>
    public double Error { get; init; }

    /// <summary>Candidates for each of the nearest that a filter reaches down to; <c>null</c> where that was not measured.</summary>
    public double? Reserve { get; init; }

    /// <summary>Whether the target is missed, and not by the chance of the samples.</summary>
    public bool SurelyMisses(double target) => Recall + Error < target;
}
