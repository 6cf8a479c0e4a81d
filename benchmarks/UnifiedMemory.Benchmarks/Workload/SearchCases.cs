namespace UnifiedMemory.Benchmarks.Workload;

/// <summary>What the cases are called, and how the library is asked.</summary>
internal static class SearchCases
{
    public const int Limit = 20;

    public static IReadOnlyList<SearchCase> All { get; } = Enum.GetValues<SearchCase>();

    public static string NameOf(SearchCase searched) => searched switch
    {
        SearchCase.NoFilter => "no filter",
        SearchCase.Type => "type, 5 %",
        SearchCase.Tag => "tag, 1 %",
        SearchCase.Namespace => "namespace, 1 %",
        SearchCase.Range => "metadata range, 10 %",
        _ => "type and range, 0.5 %",
    };

    /// <summary>For the names of measured values.</summary>
    public static string KeyOf(SearchCase searched) => searched switch
    {
        SearchCase.NoFilter => "search",
        SearchCase.TypeAndRange => "search.type_range",
        _ => "search." + searched.ToString().ToLowerInvariant(),
    };

    public static string NamespaceOf(SearchCase searched) =>
        searched == SearchCase.Namespace ? MemorySet.SmallNamespace : MemoryFilter.DefaultNamespace;

    public static MemoryQuery QueryOf(SearchCase searched, string text)
    {
        var query = new MemoryQuery(text) { Limit = Limit, Mode = SearchMode.Vector, Namespace = NamespaceOf(searched) };
        if (searched is SearchCase.Type or SearchCase.TypeAndRange)
            query = query with { Types = [MemorySet.SmallType] };
        if (searched is SearchCase.Range or SearchCase.TypeAndRange)
            query = query with { Metadata = MetadataFilter.Field("score").AtLeast(MemorySet.RangeFrom) & MetadataFilter.Field("score").LessThan(MemorySet.RangeTo) };
        return searched == SearchCase.Tag ? query with { Tags = [MemorySet.SmallTag] } : query;
    }
}
