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
internal sealed class SqlParameters : SqlMapper.IDynamicParameters
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

    /// <summary>Adds a parameter under a name of its own and returns how SQL refers to it.</summary>
    public string AddNext(NpgsqlDbType type, object? value)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"p{_parameters.Count}");
        Add(name, type, value);
        return "@" + name;
    }

    void SqlMapper.IDynamicParameters.AddParameters(IDbCommand command, SqlMapper.Identity identity) => AddTo(command);

    /// <summary>Once for each attempt: an <see cref="NpgsqlParameter"/> belongs to one command only.</summary>
    public void AddTo(IDbCommand command)
    {
        foreach (var (name, type, value) in _parameters)
        {
            var parameter = new NpgsqlParameter { ParameterName = name, Value = value ?? DBNull.Value };
            if (type is { } known)
                parameter.NpgsqlDbType = known;
            else
                parameter.DataTypeName = "vector";
            command.Parameters.Add(parameter);
        }
    }
}
