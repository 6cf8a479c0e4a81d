namespace UnifiedMemory;

/// <summary>What <see cref="UnifiedMemoryStore.ExportAsync"/> writes.</summary>
public sealed record ExportOptions
{
    /// <summary>Which memories. Default: all, of every namespace.</summary>
    public MemoryFilter Filter { get; init; } = new() { Namespace = MemoryFilter.AllNamespaces };

    /// <summary>
    /// Whether their vectors are written, too: 5.3 bytes a number before compression, and a store of the same embedding space need
    /// not embed again. Default: yes.
    /// </summary>
    public bool IncludeVectors { get; init; } = true;
}
