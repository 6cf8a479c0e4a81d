namespace UnifiedMemory.Indexing;

/// <summary>An index on the memories, as the server's catalogue has it.</summary>
internal sealed record FoundIndex
{
    public string Name { get; init; } = "";

    public bool IsValid { get; init; }

    /// <summary>Whether it also enforces something, so that it is of use without being scanned.</summary>
    public bool IsUnique { get; init; }

    /// <summary>Memories in it when it was built or last vacuumed; negative when that is not known.</summary>
    public double Rows { get; init; }

    public long Bytes { get; init; }

    /// <summary>Scans since the statistics were reset.</summary>
    public long Scans { get; init; }

    public string AccessMethod { get; init; } = "";

    public string OperatorClass { get; init; } = "";

    public string Column { get; init; } = "";

    public string? Predicate { get; init; }

    public string[] Settings { get; init; } = [];

    public VectorIndexDefinition? DefinitionFor(MemoryType? type, int dimensions) =>
        VectorIndexDefinition.Read(type, dimensions, AccessMethod, OperatorClass, Column, Predicate, Settings);
}
