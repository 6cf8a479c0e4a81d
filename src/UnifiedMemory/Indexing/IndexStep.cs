namespace UnifiedMemory.Indexing;

/// <summary>What can be done about an index.</summary>
internal enum IndexStep
{
    /// <summary>There is none, and none is needed.</summary>
    None,

    Keep,

    Build,

    /// <summary>Another is built beside it and takes its place.</summary>
    Replace,

    Drop,
}
