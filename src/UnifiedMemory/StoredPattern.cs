namespace UnifiedMemory;

/// <summary>What became of a <see cref="ProjectPattern"/> that was to be stored.</summary>
/// <param name="Id">Its id, whether new or found.</param>
/// <param name="Outcome">Created, or already stored.</param>
public sealed record StoredPattern(Guid Id, StoreOutcome Outcome);
