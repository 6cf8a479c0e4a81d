namespace UnifiedMemory;

/// <summary>How far a <c>StoreManyAsync</c> call has come. Reported after each batch.</summary>
/// <param name="Created">Memories stored so far.</param>
/// <param name="AlreadyStored">Memories that were there before.</param>
/// <param name="Rejected">Memories that cannot be stored.</param>
public sealed record StoreProgress(long Created, long AlreadyStored, long Rejected)
{
    /// <summary>All memories dealt with so far.</summary>
    public long Processed => Created + AlreadyStored + Rejected;
}
