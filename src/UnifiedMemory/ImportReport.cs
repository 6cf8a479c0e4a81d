namespace UnifiedMemory;

/// <summary>What <see cref="UnifiedMemoryStore.ImportAsync"/> did.</summary>
/// <param name="Created">Memories that are new in this store.</param>
/// <param name="AlreadyStored">Memories that it had; they are left as they are, with their ids.</param>
/// <param name="Rejected">Memories, patterns and dependencies that cannot be stored.</param>
/// <param name="Embedded">Whether they were embedded here, as the export has no vectors or those of another embedding space.</param>
/// <param name="Rejections">Line and reason of the first 100 that were rejected. No memory content.</param>
public sealed record ImportReport(long Created, long AlreadyStored, long Rejected, bool Embedded, IReadOnlyList<string> Rejections)
{
    /// <summary>Patterns that are new in this store.</summary>
    public long PatternsCreated { get; init; }

    /// <summary>Patterns that it had; one that was applied more often in the export is up to date now.</summary>
    public long PatternsAlreadyStored { get; init; }

    /// <summary>Dependencies that are new in this store.</summary>
    public long DependenciesCreated { get; init; }

    /// <summary>Dependencies that it had; they are left as they are.</summary>
    public long DependenciesAlreadyStored { get; init; }
}
