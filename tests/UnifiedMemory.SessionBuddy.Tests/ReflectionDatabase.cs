using DuckDB.NET.Data;

namespace UnifiedMemory.Tests.SessionBuddy;

/// <summary>A file as Session-Buddy leaves it behind, in a folder of its own, looked into with plain SQL.</summary>
internal sealed partial class ReflectionDatabase : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("reflections-");

    public ReflectionDatabase(params string[] tables)
    {
        if (tables.Length > 0)
            Execute(string.Join('\n', tables));
    }

    public string Path => System.IO.Path.Combine(_folder.FullName, "reflection.duckdb");

    public void Execute(string sql)
    {
        using var connection = Open("");
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    /// <summary>The rows, opened for reading only.</summary>
    public List<object?[]> Query(string sql)
    {
        using var connection = OpenForReading();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var rows = new List<object?[]>();
        while (reader.Read())
            rows.Add([.. Enumerable.Range(0, reader.FieldCount).Select(i => reader.IsDBNull(i) ? null : reader.GetValue(i))]);
        return rows;
    }

    public T Single<T>(string sql) => (T)Query(sql).Single().Single()!;

    /// <summary>Breaks the checksum of the first block.</summary>
    public void Damage()
    {
        using var file = File.OpenWrite(Path);
        file.Position = 2_000;
        file.WriteByte(0xFF);
    }

    /// <summary>A connection of this process, as an import has one.</summary>
    public DuckDBConnection OpenForReading() => Open(";access_mode=READ_ONLY");

    public void Dispose() => _folder.Delete(recursive: true);

    private DuckDBConnection Open(string settings)
    {
        var connection = new DuckDBConnection($"Data Source={Path}{settings}");
        connection.Open();
        return connection;
    }
}
