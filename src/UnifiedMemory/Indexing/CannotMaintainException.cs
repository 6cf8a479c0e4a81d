namespace UnifiedMemory.Indexing;

/// <summary>This process is none that can maintain the indexes: its role or its connection is not the right one.</summary>
internal sealed class CannotMaintainException : UnifiedMemoryException
{
    public CannotMaintainException(string reason, string? sqlState)
        : base("maintain_indexes", "The indexes cannot be maintained: " + reason, isTransient: false) => SqlState = sqlState;
}
