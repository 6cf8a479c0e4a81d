using System.Globalization;
using System.Text.RegularExpressions;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Indexing;

/// <summary>
/// What a vector index is like. The one owner of its DDL and of the reading back of it, so that another access method has one
/// place to go.
/// </summary>
/// <param name="Type">The one type whose memories are in it; <c>null</c> for all.</param>
/// <param name="Method">What it is.</param>
/// <param name="HalfPrecision">Whether it holds 16-bit numbers.</param>
/// <param name="M">HNSW: links of a node; else 0.</param>
/// <param name="EfConstruction">HNSW: candidates looked at for a new node; else 0.</param>
/// <param name="Lists">IVFFlat: lists; else 0.</param>
internal sealed partial record VectorIndexDefinition(
    MemoryType? Type, VectorIndexMethod Method, bool HalfPrecision, int M, int EfConstruction, int Lists)
{
    /// <summary>pgvector's indexes on <c>vector</c> take at most this many dimensions.</summary>
    public const int MaxDimensions = 2000;

    /// <summary>pgvector's indexes on <c>halfvec</c> take at most this many dimensions.</summary>
    public const int MaxHalfDimensions = 4000;

    /// <summary>pgvector's <c>m</c> where none is given.</summary>
    public const int DefaultLinks = 16;

    /// <summary>pgvector's <c>ef_construction</c> where none is given.</summary>
    private const int DefaultEfConstruction = 64;

    /// <summary>Ends the name of an index that is being built. No memory type is called so.</summary>
    public const string BuildingSuffix = "_new";

    /// <summary>Ends the name of an index whose place another has taken.</summary>
    public const string ReplacedSuffix = "_old";

    public string Name => NameOf(Type);

    public string BuildingName => Name + BuildingSuffix;

    public string ReplacedName => Name + ReplacedSuffix;

    public static string NameOf(MemoryType? type) =>
        type is { } one ? $"memories_embedding_{MemoryTypeNames.NameOf(one)}" : "memories_embedding";

    /// <summary>
    /// The name of the index that another one comes from: what an exchange, or a <c>REINDEX CONCURRENTLY</c> that was interrupted, has
    /// made of it or left of it. https://www.postgresql.org/docs/current/sql-reindex.html
    /// </summary>
    public static string OriginOf(string name) => Endings().Replace(name, "");

    public static int MaxDimensionsOf(bool halfPrecision) => halfPrecision ? MaxHalfDimensions : MaxDimensions;

    /// <param name="type">The one type in it.</param>
    /// <param name="halfPrecision">Whether it holds 16-bit numbers.</param>
    /// <param name="options">What the host asks for.</param>
    /// <param name="links">Its links, where the host leaves them to the library.</param>
    public static VectorIndexDefinition Hnsw(MemoryType? type, bool halfPrecision, HnswOptions options, int links = DefaultLinks)
    {
        var m = options.M ?? links;
        return new(type, VectorIndexMethod.Hnsw, halfPrecision, m, Math.Max(2 * m, options.EfConstruction ?? Math.Max(DefaultEfConstruction, 4 * m)), 0);
    }

    public static VectorIndexDefinition IvfFlat(MemoryType? type, bool halfPrecision, int lists) =>
        new(type, VectorIndexMethod.IvfFlat, halfPrecision, 0, 0, lists);

    /// <summary>
    /// What the catalogue says about an index of one of our names, or <c>null</c> when a search could not use it: another operator
    /// class, expression, predicate or access method.
    /// </summary>
    /// <param name="type">The type that belongs to its name.</param>
    /// <param name="dimensions">Of the store.</param>
    /// <param name="accessMethod">As in <c>pg_am</c>.</param>
    /// <param name="operatorClass">As in <c>pg_opclass</c>.</param>
    /// <param name="column">As from <c>pg_get_indexdef(…, 1, true)</c>.</param>
    /// <param name="predicate">As from <c>pg_get_expr</c>.</param>
    /// <param name="settings">As in <c>reloptions</c>; what is not set is pgvector's default.</param>
    public static VectorIndexDefinition? Read(
        MemoryType? type, int dimensions, string accessMethod, string operatorClass, string column, string? predicate, IReadOnlyList<string> settings)
    {
        if (predicate != (type is { } one ? $"(memory_type = '{MemoryTypeNames.NameOf(one)}'::text)" : null))
            return null;
        var halfPrecision = operatorClass == OperatorClassOf(halfPrecision: true);
        if (operatorClass != OperatorClassOf(halfPrecision) || column != (halfPrecision ? $"({HalfExpression(dimensions)})" : "embedding"))
            return null;
        return accessMethod switch
        {
            "hnsw" => new(type, VectorIndexMethod.Hnsw, halfPrecision, Setting("m", DefaultLinks), Setting("ef_construction", DefaultEfConstruction), 0),
            "ivfflat" => IvfFlat(type, halfPrecision, Setting("lists", 100)),
            _ => null,
        };

        int Setting(string name, int fallback) => settings
            .Where(setting => setting.StartsWith(name + "=", StringComparison.Ordinal))
            .Select(setting => int.Parse(setting.AsSpan(name.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture))
            .FirstOrDefault(fallback);
    }

    /// <summary>Whether a search and its recall are the same with both; lists follow the number of rows.</summary>
    public bool IsLike(VectorIndexDefinition other) => this with { Lists = 0 } == other with { Lists = 0 };

    public string CreateSql(StoreSchema schema, string name, int dimensions)
    {
        var ordered = HalfPrecision ? $"({HalfExpression(dimensions)})" : "embedding";
        var settings = Method == VectorIndexMethod.Hnsw
            ? string.Create(CultureInfo.InvariantCulture, $"m = {M}, ef_construction = {EfConstruction}")
            : string.Create(CultureInfo.InvariantCulture, $"lists = {Lists}");
        return $"CREATE INDEX CONCURRENTLY {name} ON {schema.Memories} USING {MethodName(Method)} "
            + $"({ordered} {OperatorClassOf(HalfPrecision)}) WITH ({settings}){WhereOf(Type)}";
    }

    /// <summary>The expression that this index is ordered by, for a row named so.</summary>
    public string OrderedBy(string row, int dimensions) =>
        HalfPrecision ? $"{row}.{HalfExpression(dimensions)}" : $"{row}.embedding";

    /// <summary>Empty, or <c> WHERE memory_type = '…'</c>: literal, since a query must repeat it for the index to be used.</summary>
    public static string WhereOf(MemoryType? type) =>
        type is { } one ? $" WHERE memory_type = '{MemoryTypeNames.NameOf(one)}'" : "";

    public static string MethodName(VectorIndexMethod method) => method == VectorIndexMethod.Hnsw ? "hnsw" : "ivfflat";

    /// <summary>What a search sets in its transaction for the recall that it needs.</summary>
    public static string EffortSetting(VectorIndexMethod method) => method == VectorIndexMethod.Hnsw ? "hnsw.ef_search" : "ivfflat.probes";

    public override string ToString() => Method == VectorIndexMethod.Hnsw
        ? string.Create(CultureInfo.InvariantCulture, $"hnsw (m {M}, ef_construction {EfConstruction}{Precision})")
        : string.Create(CultureInfo.InvariantCulture, $"ivfflat (lists {Lists}{Precision})");

    [GeneratedRegex($@"({BuildingSuffix}|{ReplacedSuffix}|_cc(new|old)\d*)+\z")]
    private static partial Regex Endings();

    private string Precision => HalfPrecision ? ", half precision" : "";

    private static string OperatorClassOf(bool halfPrecision) => halfPrecision ? "halfvec_cosine_ops" : "vector_cosine_ops";

    private static string HalfExpression(int dimensions) =>
        string.Create(CultureInfo.InvariantCulture, $"embedding::halfvec({dimensions})");
}
