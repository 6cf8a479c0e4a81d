using System.Data;
using System.Globalization;
using Dapper;
using Npgsql;
using NpgsqlTypes;
using Pgvector;

namespace UnifiedMemory.Postgres;

/// <summary>
/// Typed parameters for Dapper. Every value is sent in binary with its type, NULL too; and no type handler is registered,
/// since Dapper's are process-wide and would change the host's own queries.
/// </summary>
/// <param name="positional">Whether SQL refers to them as <c>$1</c>, <c>$2</c> in their order, which Npgsql need not look for in it.</param>
internal sealed class SqlParameters(bool positional = false) : SqlMapper.IDynamicParameters
{
    private readonly List<(string Name, NpgsqlDbType? Type, object? Value)> _parameters = [];

    public IEnumerable<object?> Values => _parameters.Select(parameter => parameter.Value);

    public SqlParameters Add(string name, NpgsqlDbType type, object? value)
    {
        _parameters.Add((name, type, value));
        return this;
    }

    public SqlParameters AddVector(string name, float[]? vector)
    {
        _parameters.Add((name, null, vector is null ? null : new Vector(vector)));
        return this;
    }

    /// <summary>Adds a parameter under a number of its own and returns how SQL refers to it.</summary>
    public string AddNext(NpgsqlDbType type, object? value)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"p{_parameters.Count}");
        Add(name, type, value);
        return positional ? string.Create(CultureInfo.InvariantCulture, $"${_parameters.Count}") : "@" + name;
    }

    void SqlMapper.IDynamicParameters.AddParameters(IDbCommand command, SqlMapper.Identity identity) => AddTo(command.Parameters);

    /// <summary>Once for each attempt: an <see cref="NpgsqlParameter"/> belongs to one command only.</summary>
    public void AddTo(IDataParameterCollection parameters)
    {
        foreach (var (name, type, value) in _parameters)
        {
            var parameter = new NpgsqlParameter { ParameterName = positional ? null : name, Value = value ?? DBNull.Value };
            if (type is { } known)
                parameter.NpgsqlDbType = known;
            else
                parameter.DataTypeName = "vector";
            parameters.Add(parameter);
        }
    }
}
