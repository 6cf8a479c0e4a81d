namespace UnifiedMemory;

/// <summary>What <c>MaintainIndexesAsync</c> found and did.</summary>
/// <param name="Rows">Memories in the store; from the server's statistics above 100,000.</param>
/// <param name="Indexes">The vector indexes first, then the table's other indexes.</param>
public sealed record IndexReport(long Rows, IReadOnlyList<MaintainedIndex> Indexes);
