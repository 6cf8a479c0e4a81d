namespace UnifiedMemory.Indexing;

/// <summary>What can be done about an index.</summary>
internal enum IndexStep
{
    /// <summary>There is none, and none is needed.</summary>
    None,

    Keep,

    /// <summary>Where there is one already, beside it, and takes its place.</summary>
    Build,

    Drop,
}
