namespace UnifiedMemory.Indexing;

/// <summary>What maintenance knows about an index that it built: a whole row of <c>vector_indexes</c>.</summary>
internal sealed record RegisteredIndex
{
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

    public int Effort { get; init; }

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

    public bool Describes(VectorIndexDefinition definition) =>
        Method == VectorIndexDefinition.MethodName(definition.Method) && HalfPrecision == definition.HalfPrecision && Lists == definition.Lists;
}
