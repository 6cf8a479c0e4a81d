namespace UnifiedMemory;

/// <summary>What became of one <see cref="NewMemory"/>.</summary>
/// <param name="Id">The memory's id, whether new or found; <see cref="Guid.Empty"/> when rejected.</param>
/// <param name="Outcome">Created, already stored, or rejected.</param>
/// <param name="Rejection">Why it was rejected; otherwise <c>null</c>. Holds no memory content.</param>
public sealed record StoredMemory(Guid Id, StoreOutcome Outcome, string? Rejection = null);
