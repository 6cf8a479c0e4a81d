namespace UnifiedMemory;

/// <summary>What became of a memory that was to be stored.</summary>
public enum StoreOutcome
{
    /// <summary>It is new and stored.</summary>
    Created,

    /// <summary>The same memory was there before; nothing changed.</summary>
    AlreadyStored,

    /// <summary>It cannot be stored, and <see cref="StoredMemory.Rejection"/> says why. The others of its batch are stored.</summary>
    Rejected,
}
