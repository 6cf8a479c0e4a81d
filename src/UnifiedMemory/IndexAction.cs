namespace UnifiedMemory;

/// <summary>What maintenance did about an index.</summary>
public enum IndexAction
{
    /// <summary>It serves; nothing was done, except perhaps measuring it.</summary>
    Kept,

    /// <summary>There was none.</summary>
    Built,

    /// <summary>Another was built and took its place.</summary>
    Rebuilt,

    /// <summary>An interrupted build had left an index that no search can use; it was built again.</summary>
    Repaired,

    /// <summary>Somebody else built it, or a dump brought it; searches use it from now on.</summary>
    Adopted,

    /// <summary>It is no longer needed.</summary>
    Dropped,

    /// <summary>Nothing was done: none is needed, something is in the way this time, or it is yours to repair; the reason says which.</summary>
    Skipped,

    /// <summary>The server refused; the reason has its code and the way out. The other indexes were looked after all the same.</summary>
    Failed,
}
