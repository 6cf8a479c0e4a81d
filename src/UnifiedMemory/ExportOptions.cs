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

    /// <summary>
    /// Whether the patterns and dependencies of projects are written, too: all of the filter's namespace, whatever else it says. Without
    /// them the export has version 1 of the format, which every version of this library reads. Default: yes.
    /// </summary>
    public bool IncludeProjects { get; init; } = true;
}
