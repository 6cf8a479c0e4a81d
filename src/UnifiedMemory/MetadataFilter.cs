using UnifiedMemory.Postgres;

namespace UnifiedMemory;

/// <summary>
/// A condition on metadata, combined with <c>&amp;</c>, <c>|</c> and <c>!</c>:
/// <c>MetadataFilter.Field("language").EqualTo("csharp") &amp; !MetadataFilter.Field("lines").GreaterThan(500)</c>.
/// A condition on a field that a memory does not have is false. Values and names are always data, never SQL.
/// </summary>
public abstract class MetadataFilter
{
    /// <summary>The deepest nesting of <c>&amp;</c>, <c>|</c> and <c>!</c>.</summary>
    internal const int MaxDepth = 64;

    /// <summary>The most conditions on fields: a statement takes 65,535 parameters, and long before that its planning takes seconds.</summary>
    internal const int MaxConditions = 1000;

    private protected MetadataFilter(int depth = 1, int conditions = 1)
    {
        if (depth > MaxDepth)
            throw new ArgumentException($"A metadata filter may nest {MaxDepth} levels deep; this one nests deeper. Use All or Any for long lists.");
        if (conditions > MaxConditions)
        {
            throw new ArgumentException(
                $"A metadata filter may have {MaxConditions:N0} conditions; this one has {conditions:N0}. Use In for many values of one field.");
        }

        Depth = depth;
        Conditions = conditions;
    }

    internal int Depth { get; }

    internal int Conditions { get; }

    /// <summary>Names a field of the metadata object.</summary>
    /// <param name="path">
    /// The name of a top-level field, or the names on the way to a nested one; a number picks an element of an array.
    /// 1 to 16 names of at most 256 characters.
    /// </param>
    /// <exception cref="ArgumentException">The path is empty, too long, or holds U+0000 or half a surrogate pair.</exception>
    public static MetadataField Field(params string[] path) => new(path);

    /// <summary>Fulfilled when all of the conditions are, and when there are none.</summary>
    /// <param name="filters">The conditions; at most 1,000 in the whole filter.</param>
    public static MetadataFilter All(params MetadataFilter[] filters) => new Combination("AND", RequireEach(filters));

    /// <summary>Fulfilled when at least one of the conditions is; never when there are none.</summary>
    /// <param name="filters">The conditions; at most 1,000 in the whole filter.</param>
    public static MetadataFilter Any(params MetadataFilter[] filters) => new Combination("OR", RequireEach(filters));

    /// <summary>Fulfilled when the condition is not.</summary>
    /// <param name="filter">The condition.</param>
    public static MetadataFilter Not(MetadataFilter filter) => new Negation(filter ?? throw new ArgumentNullException(nameof(filter)));

    /// <summary>Both conditions.</summary>
    public static MetadataFilter operator &(MetadataFilter left, MetadataFilter right) => All(left, right);

    /// <summary>At least one of the conditions.</summary>
    public static MetadataFilter operator |(MetadataFilter left, MetadataFilter right) => Any(left, right);

    /// <summary>The opposite of the condition.</summary>
    public static MetadataFilter operator !(MetadataFilter filter) => Not(filter);

    /// <summary>The same as <c>&amp;</c>, for languages without operators.</summary>
    public static MetadataFilter BitwiseAnd(MetadataFilter left, MetadataFilter right) => left & right;

    /// <summary>The same as <c>|</c>, for languages without operators.</summary>
    public static MetadataFilter BitwiseOr(MetadataFilter left, MetadataFilter right) => left | right;

    /// <summary>The same as <c>!</c>, for languages without operators.</summary>
    public static MetadataFilter LogicalNot(MetadataFilter filter) => !filter;

    /// <summary>A boolean SQL expression that is never NULL, with its values as parameters.</summary>
    internal abstract string ToSql(SqlParameters parameters);

    /// <summary>Whether the GIN index on the metadata finds the memories that fulfil it.</summary>
    internal virtual bool IsIndexed => false;

    /// <summary>A copy, so that the caller's array can change.</summary>
    private static MetadataFilter[] RequireEach(MetadataFilter[] filters)
    {
        ArgumentNullException.ThrowIfNull(filters);
        foreach (var filter in filters)
            ArgumentNullException.ThrowIfNull(filter, nameof(filters));
        return [.. filters];
    }

    private sealed class Combination(string @operator, MetadataFilter[] filters)
        : MetadataFilter(1 + filters.Select(filter => filter.Depth).DefaultIfEmpty().Max(), filters.Sum(filter => filter.Conditions))
    {
        internal override bool IsIndexed => @operator == "AND"
            ? filters.Any(filter => filter.IsIndexed)
            : filters.Length > 0 && filters.All(filter => filter.IsIndexed);

        internal override string ToSql(SqlParameters parameters) => filters.Length == 0
            ? @operator == "AND" ? "true" : "false"
            : "(" + string.Join($" {@operator} ", filters.Select(filter => filter.ToSql(parameters))) + ")";
    }

    private sealed class Negation(MetadataFilter filter) : MetadataFilter(filter.Depth + 1, filter.Conditions)
    {
        internal override string ToSql(SqlParameters parameters) => $"NOT {filter.ToSql(parameters)}";
    }
}
