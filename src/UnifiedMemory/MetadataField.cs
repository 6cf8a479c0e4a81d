using System.Globalization;
using System.Text.Json.Nodes;
using NpgsqlTypes;
using UnifiedMemory.Input;
using UnifiedMemory.Postgres;

namespace UnifiedMemory;

/// <summary>A field of the metadata object, named with <see cref="MetadataFilter.Field"/>.</summary>
public sealed class MetadataField
{
    private readonly string[] _path;

    internal MetadataField(string[] path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (path.Length is < 1 or > 16)
            throw new ArgumentException($"A metadata path has 1 to 16 names; this one has {path.Length}.", nameof(path));
        foreach (var name in path)
            TextRules.Require(name, nameof(path), TextRules.MaxNameLength);
        _path = [.. path];
    }

    /// <summary>The field is there and equals the value: same JSON type, same value; 1 equals 1.0.</summary>
    /// <param name="value">A string, number, boolean, array, object, or <c>null</c> for JSON null.</param>
    public MetadataFilter EqualTo(JsonNode? value) => new Equality(_path, MetadataJson.Serialize(value, nameof(value)));

    /// <summary>The field is there and equals one of the values.</summary>
    /// <param name="values">At most 1,000.</param>
    public MetadataFilter In(params JsonNode?[] values)
    {
        ArgumentNullException.ThrowIfNull(values);
        if (values.Length > 1000)
            throw new ArgumentException($"In takes at most 1,000 values; {values.Length} were given.", nameof(values));
        return new Membership(_path, [.. values.Select(value => MetadataJson.Serialize(value, nameof(values)))]);
    }

    /// <summary>The field is there, whatever its value; JSON null counts.</summary>
    public MetadataFilter Exists() => new Existence(_path);

    /// <summary>The field is a number above this one.</summary>
    public MetadataFilter GreaterThan(double value) => new NumberComparison(_path, ">", value);

    /// <summary>The field is a number at or above this one.</summary>
    public MetadataFilter AtLeast(double value) => new NumberComparison(_path, ">=", value);

    /// <summary>The field is a number below this one.</summary>
    public MetadataFilter LessThan(double value) => new NumberComparison(_path, "<", value);

    /// <summary>The field is a number at or below this one.</summary>
    public MetadataFilter AtMost(double value) => new NumberComparison(_path, "<=", value);

    /// <summary>The field is a date or time after this one.</summary>
    /// <param name="value">
    /// Compared with strings in ISO 8601 form: <c>2026-03-01</c>, <c>2026-03-01T12:30:00.5Z</c>, <c>2026-03-01 12:30+02:00</c>;
    /// without an offset they mean UTC. Other strings do not match.
    /// </param>
    public MetadataFilter GreaterThan(DateTimeOffset value) => new TimeComparison(_path, ">", value);

    /// <summary>The field is a date or time at or after this one, in the form that <see cref="GreaterThan(DateTimeOffset)"/> tells.</summary>
    public MetadataFilter AtLeast(DateTimeOffset value) => new TimeComparison(_path, ">=", value);

    /// <summary>The field is a date or time before this one, in the form that <see cref="GreaterThan(DateTimeOffset)"/> tells.</summary>
    public MetadataFilter LessThan(DateTimeOffset value) => new TimeComparison(_path, "<", value);

    /// <summary>The field is a date or time at or before this one, in the form that <see cref="GreaterThan(DateTimeOffset)"/> tells.</summary>
    public MetadataFilter AtMost(DateTimeOffset value) => new TimeComparison(_path, "<=", value);

    private sealed class Equality(string[] path, string json) : MetadataFilter
    {
        // Containment is what the GIN index answers; it alone would also accept a larger array or object.
        private readonly string _containing = MetadataJson.Serialize(
            path.Reverse().Aggregate(JsonNode.Parse(json), (inner, name) => new JsonObject { [name] = inner }), "value in its path");

        internal override bool IsIndexed => !PicksElement;

        private bool PicksElement => path.Any(name => int.TryParse(name, CultureInfo.InvariantCulture, out _));

        internal override string ToSql(SqlParameters parameters)
        {
            var names = parameters.AddNext(NpgsqlDbType.Array | NpgsqlDbType.Text, path);
            var value = parameters.AddNext(NpgsqlDbType.Jsonb, json);
            var equal = $"COALESCE(metadata #> {names} = {value}, false)";

            // A number may pick an array element, which containment cannot say.
            if (PicksElement)
                return equal;

            return $"(metadata @> {parameters.AddNext(NpgsqlDbType.Jsonb, _containing)} AND {equal})";
        }
    }

    private sealed class Membership(string[] path, string[] values) : MetadataFilter
    {
        internal override string ToSql(SqlParameters parameters)
        {
            var names = parameters.AddNext(NpgsqlDbType.Array | NpgsqlDbType.Text, path);
            var list = parameters.AddNext(NpgsqlDbType.Array | NpgsqlDbType.Jsonb, values);
            return $"COALESCE(metadata #> {names} = ANY ({list}), false)";
        }
    }

    private sealed class Existence(string[] path) : MetadataFilter
    {
        internal override string ToSql(SqlParameters parameters) =>
            $"((metadata #> {parameters.AddNext(NpgsqlDbType.Array | NpgsqlDbType.Text, path)}) IS NOT NULL)";
    }

    private sealed class NumberComparison : MetadataFilter
    {
        private readonly string[] _path;
        private readonly string _operator;
        private readonly double _value;

        public NumberComparison(string[] path, string @operator, double value)
        {
            if (!double.IsFinite(value))
                throw new ArgumentOutOfRangeException(nameof(value), value, "Metadata is compared with a finite number: JSON has no other.");
            (_path, _operator, _value) = (path, @operator, value);
        }

        internal override string ToSql(SqlParameters parameters)
        {
            var names = parameters.AddNext(NpgsqlDbType.Array | NpgsqlDbType.Text, _path);

            // As text, in the shortest form that is the same number: a cast from double precision keeps 15 digits only.
            var value = parameters.AddNext(NpgsqlDbType.Text, _value.ToString("R", CultureInfo.InvariantCulture));

            // CASE, because AND promises no order and the cast of a string would fail the whole search.
            return $"""
                CASE WHEN jsonb_typeof(metadata #> {names}) = 'number'
                     THEN (metadata #>> {names})::numeric {_operator} {value}::text::numeric ELSE false END
                """;
        }
    }

    private sealed class TimeComparison(string[] path, string @operator, DateTimeOffset value) : MetadataFilter
    {
        // Each part stays in its range. The day is added as an interval, so that the 31st of February is some day in
        // March instead of an error: PostgreSQL before 16 has no cast that answers whether it would fail. Not \d, which in
        // an ICU database is also a digit of another script, and that is an error again.
        private const string Iso8601 =
            "'^[1-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
            + "([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,9})?)?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])?)?$'";

        internal override string ToSql(SqlParameters parameters)
        {
            var names = parameters.AddNext(NpgsqlDbType.Array | NpgsqlDbType.Text, path);
            var time = parameters.AddNext(NpgsqlDbType.TimestampTz, value.UtcDateTime);
            var text = $"(metadata #>> {names})";
            return $"""
                CASE WHEN jsonb_typeof(metadata #> {names}) = 'string' AND {text} ~ {Iso8601}
                     THEN (overlay({text} placing '01' from 9 for 2)
                           || CASE WHEN {text} ~ '(Z|[+-][0-9][0-9]:[0-9][0-9])$' THEN '' ELSE ' Z' END)::timestamptz
                          + (substr({text}, 9, 2)::int - 1) * interval '24 hours' {@operator} {time}
                     ELSE false END
                """;
        }
    }
}
