using DuckDB.NET.Data;
using UnifiedMemory.SessionBuddy.Files;

namespace UnifiedMemory.SessionBuddy.Importing;

/// <summary>Reads a table row by row, without holding it, and in no order: DuckDB would sort all of it first.</summary>
internal static class FileTable
{
    // Vectors of another model, and what the rest of the row says again.
    private static readonly string[] LeftOut = ["embedding", "fingerprint", "searchable_content"];

    public static IEnumerable<FileRow> Read(DuckDBConnection connection, string table, IEnumerable<string> columns)
    {
        var names = columns.Except(LeftOut, StringComparer.OrdinalIgnoreCase).Select(DuckDbFile.Quote);
        using var command = DuckDbFile.CommandOf(connection, $"SELECT {string.Join(", ", names)} FROM {DuckDbFile.Quote(table)}");
        command.UseStreamingMode = true;
        using var reader = command.ExecuteReader();
        while (reader.Read())
        {
            var values = new Dictionary<string, object>(StringComparer.OrdinalIgnoreCase);
            for (var i = 0; i < reader.FieldCount; i++)
            {
                if (!reader.IsDBNull(i))
                    values[reader.GetName(i)] = reader.GetValue(i);
            }

            yield return new FileRow(values);
        }
    }
}
