namespace UnifiedMemory.Indexing;

/// <summary>How large a vector index is to be, and what memory its build takes.</summary>
internal static class IndexSizing
{
    /// <summary>pgvector's limit.</summary>
    private const int MaxLists = 32_768;

    /// <summary>
    /// Rows/1000 up to a million rows, the root of the rows above, at least 1 (0 is an error): pgvector's README,
    /// https://github.com/pgvector/pgvector#ivfflat.
    /// </summary>
    public static int Lists(long rows) =>
        (int)Math.Clamp(rows <= 1_000_000 ? rows / 1000 : (long)Math.Sqrt(rows), 1, MaxLists);

    /// <summary>Where the search for the right number of probes begins: the root of the lists.</summary>
    public static int Probes(int lists) => Math.Max(1, (int)Math.Sqrt(lists));

    /// <summary>
    /// Memory of an HNSW graph while it is built. Measured with pgvector 0.8.0, where the graph outgrew maintenance_work_mem:
    /// 3,855 bytes a row at 768 dimensions and m 16, 2,828 bytes with halfvec and m 32. That is the vector, 32 bytes for each of the
    /// 2·m links of the ground layer and about 270 more. A build whose graph does not fit goes on at a fraction of the speed.
    /// </summary>
    public static long HnswBytes(long rows, int dimensions, bool halfPrecision, int m) =>
        rows * ((long)dimensions * BytesOf(halfPrecision) + (32L * m) + 280);

    /// <summary>
    /// Memory of IVFFlat's k-means, which fails when maintenance_work_mem is smaller: 50 samples a list (10,000 at least), a bound for each
    /// pair of sample and centre, and a distance for each pair of centres; ElkanKmeans in pgvector's ivfkmeans.c.
    /// </summary>
    public static long IvfFlatBytes(int lists, int dimensions, bool halfPrecision)
    {
        var samples = Math.Max(10_000L, 50L * lists);
        var vector = ((long)dimensions * BytesOf(halfPrecision)) + 8;
        return (samples * (vector + 8)) + (lists * ((2 * vector) + (4L * dimensions) + 12)) + (4L * samples * lists) + (4L * lists * lists);
    }

    /// <summary>The lists for so many rows, or as many as the memory allows: at 768 dimensions about 2,800 in 2 GiB.</summary>
    public static int ListsWithin(long rows, int dimensions, bool halfPrecision, long maxBytes)
    {
        var lists = Lists(rows);
        while (lists > 1 && WithMargin(IvfFlatBytes(lists, dimensions, halfPrecision)) > maxBytes)
            lists = Math.Max(1, lists * 9 / 10);
        return lists;
    }

    /// <summary>What maintenance_work_mem is set to: a tenth more than the build is known to take.</summary>
    public static long WithMargin(long bytes) => bytes + (bytes / 10);

    /// <summary>The efforts that are tried one after another until the recall is reached, from the least on.</summary>
    public static IEnumerable<int> Efforts(VectorIndexMethod method, int lowest, int lists)
    {
        if (method == VectorIndexMethod.Hnsw)
            return new[] { lowest }.Concat(((int[])[40, 60, 100, 150, 200, 300, 400, 600, 800, 1000]).Where(effort => effort > lowest));

        // Half as many again each time; all lists are an exact search.
        return Probing();

        IEnumerable<int> Probing()
        {
            var probes = Math.Clamp(lowest, 1, lists);
            for (; probes < lists; probes = Math.Max(probes + 1, probes * 3 / 2))
                yield return probes;
            yield return lists;
        }
    }

    private static int BytesOf(bool halfPrecision) => halfPrecision ? 2 : 4;
}
