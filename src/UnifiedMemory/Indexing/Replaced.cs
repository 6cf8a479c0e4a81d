namespace UnifiedMemory.Indexing;

/// <summary>What becomes of the index whose name another gets.</summary>
internal enum Replaced
{
    /// <summary>There is none.</summary>
    None,

    Drop,

    /// <summary>
    /// It stays until a run that is more than a minute later. Hosts know the indexes for half a minute, and what they order by in that
    /// time is on this index only.
    /// </summary>
    Keep,
}
