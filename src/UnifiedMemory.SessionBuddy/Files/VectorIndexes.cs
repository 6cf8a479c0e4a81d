using DuckDB.NET.Data;

namespace UnifiedMemory.SessionBuddy.Files;

/// <summary>
/// Session-Buddy may keep an index of the kind HNSW on its reflections, made with DuckDB's extension vss. Without it DuckDB changes nothing in
/// such a table. It says so, but keeps a lock of the table from then on, and whoever touches the table next waits for ever (seen with DuckDB
/// 1.5.6): so the catalogue is asked before anything is written.
/// </summary>
internal static class VectorIndexes
{
    // An index of DuckDB's own is named with the kind ART or none.
    private const string UnboundSql =
        """
        SELECT index_name, kind
        FROM (SELECT index_name, table_name, upper(regexp_extract(sql, '\sUSING\s+(\w+)\s*\(', 1, 'i')) AS kind FROM duckdb_indexes())
        WHERE table_name = $table AND kind NOT IN ('', 'ART')
            AND NOT (kind = 'HNSW' AND EXISTS (SELECT * FROM duckdb_extensions() WHERE extension_name = 'vss' AND loaded))
        """;

    /// <exception cref="FileUnavailableException">It cannot be loaded.</exception>
    public static void Load(DuckDBConnection connection, string extension)
    {
        try
        {
            // LOAD takes no parameter.
            using var command = DuckDbFile.CommandOf(
                connection, $"LOAD '{extension.Replace("'", "''", StringComparison.Ordinal)}'; SET hnsw_enable_experimental_persistence = true;");
            command.ExecuteNonQuery();
        }
        catch (DuckDBException exception)
        {
            throw new FileUnavailableException(
                $"The extension {extension} cannot be loaded ({exception.ErrorType} error): install vss for DuckDB {connection.ServerVersion} for the user of this "
                + "process, or set VectorExtension to the path of vss.duckdb_extension of that version.",
                exception);
        }
    }

    /// <exception cref="FileUnavailableException">The table has an index that this DuckDB cannot keep up to date.</exception>
    public static void RequireNoUnbound(DuckDBConnection connection, string table)
    {
        using var command = DuckDbFile.CommandOf(connection, UnboundSql, ("table", table));
        using var reader = command.ExecuteReader();
        if (reader.Read())
        {
            throw new FileUnavailableException(
                $"{table} has the index {reader.GetString(0)} of the kind {reader.GetString(1)}, which an extension of DuckDB has to keep up to date. Run Session-Buddy, "
                + "and its server takes insights; or drop the index while it is stopped, since it makes it again when it starts; or load the extension with VectorExtension.");
        }
    }
}
