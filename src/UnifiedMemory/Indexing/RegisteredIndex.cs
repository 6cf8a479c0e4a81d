using System.Globalization;

namespace UnifiedMemory.Indexing;

/// <summary>What maintenance knows about an index that it built: a whole row of <c>vector_indexes</c>.</summary>
internal sealed record RegisteredIndex
{
    /// <summary>At so many times the first effort, another build is worth its time.</summary>
    private const int WornAt = 4;

    public string Name { get; init; } = "";

    public string Method { get; init; } = "";

    public bool HalfPrecision { get; init; }

    public int Lists { get; init; }

    /// <summary>Memories in it when it was built.</summary>
    public long Rows { get; init; }

    /// <summary>Its size when it was built.</summary>
    public long Bytes { get; init; }

    /// <summary>How long the build took; <c>null</c> when somebody else built it.</summary>
    public float? BuildSeconds { get; init; }

    /// <summary>Whether hosts may still search through the index that it replaced. They know the indexes for half a minute.</summary>
    public bool IsNew { get; init; }

    public int Effort { get; init; }

    /// <summary>The effort that it took when it was measured for the first time with this <see cref="TargetRecall"/>.</summary>
    public int? FirstEffort { get; init; }

    /// <summary>The recall measured at <see cref="Effort"/>; <c>null</c> before it was measured.</summary>
    public float? Recall { get; init; }

    /// <summary>The recall that was asked for then.</summary>
    public double? TargetRecall { get; init; }

    /// <summary>Memories in it then.</summary>
    public long? MeasuredRows { get; init; }

    /// <summary>Whether the measurement is old.</summary>
    public bool IsStale { get; init; }

    /// <summary>Scans that were measurements and not searches.</summary>
    public long OwnScans { get; init; }

    /// <summary>
    /// Why another build would be better, if what was written since did this one no good: no effort reaches the target any more, or only
    /// one that is many times as much. Were both measurements not compared with their errors, chance would build for hours.
    /// </summary>
    /// <param name="measured">What was measured just now.</param>
    /// <param name="target">The recall asked for.</param>
    /// <param name="lowest">The effort that is never gone below.</param>
    public string? ReasonToRebuild(MeasuredRecall measured, double target, int lowest)
    {
        // The error of the former one is not kept; the samples were as many.
        if (Recall >= target && measured.SurelyMisses(target) && measured.Recall + (2 * measured.Error) < Recall)
            return string.Create(CultureInfo.InvariantCulture, $"its recall fell from {Recall:F3} to {measured.Recall:F3}");
        return FirstEffort is { } first && TargetRecall == target && measured.Recall - measured.Error >= target && measured.Effort >= WornAt * Math.Max(first, lowest)
            ? string.Create(CultureInfo.InvariantCulture, $"it takes an effort of {measured.Effort} for the recall that took {first} at first")
            : null;
    }

    public bool Describes(VectorIndexDefinition definition) =>
        Method == VectorIndexDefinition.MethodName(definition.Method) && HalfPrecision == definition.HalfPrecision && Lists == definition.Lists;
}
