using System.Globalization;

namespace UnifiedMemory.Indexing;

/// <summary>
/// Decides, from counts alone, which vector indexes there are to be. What exists is left alone as long as it serves: every limit
/// for taking an index away is well below the one for building it, and a count must be past it for sure, so that a store at the limit
/// does not build and drop in turn.
/// </summary>
internal sealed class IndexPlan(UnifiedMemoryOptions options, int dimensions, MemoryCounts counts)
{
    /// <summary>A type with more than this share of all memories is found well enough through the index on all of them.</summary>
    private const double LargestShare = 0.25;

    /// <summary>From this share on its own index goes again.</summary>
    private const double LargestShareOfExisting = 0.35;

    /// <summary>An index may shrink to this part of its threshold before it goes.</summary>
    private const double ShrinksTo = 0.5;

    /// <summary>IVFFlat: at so many times the rows, centres and lists no longer fit.</summary>
    private const double OutgrownAt = 2;

    /// <summary>HNSW: at so many times the bytes a memory, most of it is dead.</summary>
    private const double BloatedAt = 2;

    /// <summary>Below this, nothing is gained by a smaller index.</summary>
    private const long SmallestBloat = 8L * 1024 * 1024;

    /// <summary>The most links that are chosen for a graph.</summary>
    private const int MostLinks = 64;

    /// <summary>IVFFlat gives way to HNSW only when the graph fits with this to spare, or else the two would alternate.</summary>
    private const double Spare = 0.8;

    private readonly IndexMaintenanceOptions _settings = options.Indexes;

    /// <param name="type">The index on this type; <c>null</c>: on all memories.</param>
    /// <param name="exists">Whether there is one, valid or not.</param>
    /// <param name="found">What the one that exists is like; <c>null</c> when it is of no use to a search.</param>
    /// <param name="bytes">How large it is.</param>
    /// <param name="registered">What is known of it.</param>
    public IndexDecision Decide(MemoryType? type, bool exists, VectorIndexDefinition? found, long bytes, RegisteredIndex? registered)
    {
        var rows = counts.Of(type);
        if (Refusal(type, rows, exists) is { } refusal)
            return new IndexDecision(exists ? IndexStep.Drop : IndexStep.None, null, refusal);
        if (found is null)
            return Build(type, null, VectorIndexDefinition.DefaultLinks, Memories(rows));
        return ReasonToReplace(found, rows, bytes, registered) is { } reason
            ? Replace(found, reason)
            : new IndexDecision(IndexStep.Keep, found, $"serves {Memories(rows)}");
    }

    /// <summary>
    /// Builds another in the place of one: for the memories of now, and within the memory, also where a graph outgrew it. A graph with fewer
    /// links is better than none.
    /// </summary>
    public IndexDecision Replace(VectorIndexDefinition found, string reason)
    {
        var links = LinksLike(found);
        while (links > VectorIndexDefinition.DefaultLinks && !Fits(found.Type, links))
            links = Math.Max(VectorIndexDefinition.DefaultLinks, links / 2);
        return Build(found.Type, found.Method == VectorIndexMethod.IvfFlat ? found.Method : null, links, reason);
    }

    private IndexDecision Build(MemoryType? type, VectorIndexMethod? existing, int links, string reason)
    {
        var wanted = Wanted(type, counts.Of(type), existing, links, out var note);
        return new IndexDecision(IndexStep.Build, wanted, reason + note);
    }

    /// <summary>A graph with twice the links; <c>null</c> where they are the host's to choose, enough already, or do not fit the memory.</summary>
    public VectorIndexDefinition? Denser(VectorIndexDefinition found)
    {
        var links = 2 * found.M;
        return options.Hnsw.M is null && found.Method == VectorIndexMethod.Hnsw && links <= MostLinks && Fits(found.Type, links)
            ? VectorIndexDefinition.Hnsw(found.Type, _settings.HalfPrecision, options.Hnsw, links)
            : null;
    }

    /// <summary>A graph that needed more links than others needs them after it is built again.</summary>
    private static int LinksLike(VectorIndexDefinition found) => Math.Max(VectorIndexDefinition.DefaultLinks, found.M);

    private bool Fits(MemoryType? type, int links) => GraphBytes(counts.Of(type), links) <= _settings.MaxMemoryBytes;

    private long GraphBytes(long rows, int links) => IndexSizing.WithMargin(IndexSizing.HnswBytes(rows, dimensions, _settings.HalfPrecision, links));

    private string? Refusal(MemoryType? type, long rows, bool exists)
    {
        var total = exists ? counts.Total / ShrinksTo : counts.Total;
        if (total < _settings.Threshold)
            return $"{Memories(counts.Total)}, {(exists ? "far " : "")}below the threshold of {Number(_settings.Threshold)}: an exact scan is as fast";
        if (type is null)
            return null;
        var (least, most) = exists ? counts.RangeOf(type) : (rows, rows);
        if ((exists ? most / ShrinksTo : rows) < _settings.TypeThreshold)
            return $"{Memories(rows)} of this type, {(exists ? "far " : "")}below the threshold of {Number(_settings.TypeThreshold)}";
        return least > counts.Total * (exists ? LargestShareOfExisting : LargestShare)
            ? $"{100.0 * rows / counts.Total:F0} % of all memories are of this type: the index on all of them serves it"
            : null;
    }

    private string? ReasonToReplace(VectorIndexDefinition found, long rows, long bytes, RegisteredIndex? registered)
    {
        var wanted = Wanted(found.Type, rows, found.Method, LinksLike(found), out _);
        if (!wanted.IsLike(found))
            return $"is {found}, asked for is {wanted}";
        if (registered is null || !registered.Describes(found) || registered.Rows == 0)
            return null;
        if (found.Method == VectorIndexMethod.IvfFlat)
        {
            return counts.RangeOf(found.Type).Least > OutgrownAt * registered.Rows
                ? $"grew from {Number(registered.Rows)} to {Memories(rows)}, so its lists and their centres no longer fit"
                : null;
        }

        // Deleted entries are taken out by VACUUM and their places used again, so only an index that shrank a lot has them.
        var bloated = rows > 0 && registered.Bytes > 0 && bytes > SmallestBloat
            && bytes / counts.RangeOf(found.Type).Most > BloatedAt * registered.Bytes / registered.Rows;
        return bloated ? $"has {Number(bytes)} bytes for {Memories(rows)}, more than twice of what it was built with" : null;
    }

    private VectorIndexDefinition Wanted(MemoryType? type, long rows, VectorIndexMethod? existing, int links, out string note)
    {
        var hnsw = VectorIndexDefinition.Hnsw(type, _settings.HalfPrecision, options.Hnsw, links);
        note = "";
        if (_settings.Method == VectorIndexMethod.Hnsw)
            return hnsw;
        if (_settings.Method is null)
        {
            // A graph that grew beyond the memory since it was built goes on to serve.
            if (existing == VectorIndexMethod.Hnsw)
                return hnsw;
            var bytes = GraphBytes(rows, hnsw.M);
            if (bytes <= _settings.MaxMemoryBytes * (existing is null ? 1 : Spare))
                return hnsw;
            note = $"; an HNSW graph takes {Number(bytes)} bytes and {nameof(IndexMaintenanceOptions.MaxMemoryBytes)} is "
                + $"{Number(_settings.MaxMemoryBytes)}, therefore IVFFlat";
        }

        return VectorIndexDefinition.IvfFlat(
            type, _settings.HalfPrecision, IndexSizing.ListsWithin(rows, dimensions, _settings.HalfPrecision, _settings.MaxMemoryBytes));
    }

    private static string Memories(long rows) => $"{Number(rows)} memories";

    private static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);
}
