namespace UnifiedMemory.Quality.Running;

/// <summary>A way to search that is measured. All weights are the library's defaults.</summary>
/// <param name="Name">As it is in the results.</param>
/// <param name="Apply">Sets what makes the query one of this way.</param>
/// <param name="ForConversations">Whether it makes sense for conversations only.</param>
internal sealed record SearchVariant(string Name, Func<MemoryQuery, MemoryQuery> Apply, bool ForConversations = false)
{
    public static IReadOnlyList<SearchVariant> All { get; } =
    [
        new("vector", query => query with { Mode = SearchMode.Vector }),
        new("text", query => query with { Mode = SearchMode.Text }),
        new("hybrid+rrf", query => query with { Mode = SearchMode.Hybrid, Fusion = FusionMethod.ReciprocalRank }),
        new("hybrid", query => query with { Mode = SearchMode.Hybrid }),
        new("hybrid+neighbours", query => query with { Mode = SearchMode.Hybrid, Neighbours = 1 }, ForConversations: true),
        new(
            "hybrid+neighbours+time",
            query => query with { Mode = SearchMode.Hybrid, Neighbours = 1, TimeWeight = 0.3 },
            ForConversations: true),
    ];
}
