namespace UnifiedMemory;

/// <summary>How far <c>MaintainIndexesAsync</c> has come with one index. Reported about twice a second while something goes on.</summary>
/// <param name="Index">The index's name.</param>
/// <param name="Phase">
/// What is under way, in the words of <c>pg_stat_progress_create_index</c>, for example <c>building index: loading tuples</c>;
/// then <c>measuring recall</c>.
/// </param>
/// <param name="Percentage">How much of the phase is done, 0 to 100; <c>null</c> where that is not known.</param>
public sealed record IndexProgress(string Index, string Phase, double? Percentage);
