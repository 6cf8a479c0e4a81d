using System.Data.Common;
using System.Text.RegularExpressions;
using DuckDB.NET.Data;

namespace UnifiedMemory.SessionBuddy.Files;

/// <summary>
/// Opens Session-Buddy's file. DuckDB admits one process that writes, and beside it none that reads, so it is opened for as
/// short as possible. DuckDB.NET has no asynchronous input and output: what runs here runs on a thread of the pool.
/// </summary>
internal static partial class DuckDbFile
{
    // By operating system and version, and the last two for this process itself.
    private static readonly string[] MessagesOfLocks =
    [
        "Could not set lock on file", "used by another process", "File is already open in", "Unique file handle conflict",
        "different configuration than existing connections",
    ];

    public static string Resolve(string path) => Path.GetFullPath(path.StartsWith("~/", StringComparison.Ordinal)
        ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), path[2..])
        : path);

    /// <summary>Runs the work on a connection of its own, which is closed afterwards.</summary>
    /// <exception cref="FileUnavailableException">The file is not there, in use, or none that this DuckDB reads.</exception>
    public static Task<T> RunAsync<T>(
        string path, bool readOnly, Func<DuckDBConnection, CancellationToken, T> work, CancellationToken cancellationToken) =>
        Task.Run(
            () =>
            {
                using var connection = Open(path, readOnly);
                return work(connection, cancellationToken);
            },
            cancellationToken);

    public static DuckDBConnection Open(string path, bool readOnly)
    {
        // DuckDB would make an empty one.
        if (!File.Exists(path))
            throw new FileUnavailableException($"There is no file {path}; Session-Buddy makes it when it starts for the first time.");
        var connection = new DuckDBConnection(new DbConnectionStringBuilder
        {
            ["Data Source"] = path,
            ["access_mode"] = readOnly ? "READ_ONLY" : "READ_WRITE",

            // Nothing is fetched from the net: all that is needed is built in.
            ["autoinstall_known_extensions"] = "false",
        }.ConnectionString);
        try
        {
            connection.Open();
            if (!readOnly && IsReadOnly(connection))
                throw new FileUnavailableException($"The file {path} is in use; this process is reading it.") { IsInUse = true };
            return connection;
        }
        catch (FileUnavailableException)
        {
            connection.Dispose();
            throw;
        }
        catch (DuckDBException exception)
        {
            connection.Dispose();
            var isInUse = MessagesOfLocks.Any(message => exception.Message.Contains(message, StringComparison.OrdinalIgnoreCase));
            var why = isInUse ? "is in use; a running Session-Buddy holds it" : WhyNotOpened(path, exception);
            throw new FileUnavailableException($"The file {path} {why}.", exception) { IsInUse = isInUse };
        }
    }

    /// <summary>A process opens a file once: while it reads it, it gets that connection whatever it asks for.</summary>
    private static bool IsReadOnly(DuckDBConnection connection)
    {
        using var command = CommandOf(connection, "SELECT readonly FROM duckdb_databases() WHERE database_name = current_database()");
        return command.ExecuteScalar() is true;
    }

    /// <summary>
    /// DuckDB's own message may quote a value of a row, so only the kind of error that it begins with is repeated; an opening that fails has no
    /// <c>ErrorType</c>.
    /// </summary>
    private static string WhyNotOpened(string path, DuckDBException exception)
    {
        var log = path + ".wal";
        var replay = File.Exists(log) ? $", and {log}, left by a process that was killed, can be read by the DuckDB that wrote it: start Session-Buddy once" : "";
        var kind = KindOfError().Match(exception.Message) is { Success: true } match ? match.Groups[1].Value : "unknown";
        return $"cannot be opened by this DuckDB ({kind} error): look whether this process may read and write it and its folder, whether a newer DuckDB "
            + $"has written it, and whether it is damaged{replay}";
    }

    /// <summary>The columns of each table.</summary>
    public static IReadOnlyDictionary<string, IReadOnlySet<string>> TablesOf(DuckDBConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'main'";
        using var reader = command.ExecuteReader();
        var columns = new List<(string Table, string Column)>();
        while (reader.Read())
            columns.Add((reader.GetString(0), reader.GetString(1)));
        return columns.GroupBy(column => column.Table, StringComparer.Ordinal).ToDictionary(
            table => table.Key,
            table => (IReadOnlySet<string>)table.Select(column => column.Column).ToHashSet(StringComparer.OrdinalIgnoreCase),
            StringComparer.Ordinal);
    }

    public static DuckDBCommand CommandOf(DuckDBConnection connection, string sql, params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
            command.Parameters.Add(new DuckDBParameter(name, value ?? DBNull.Value));
        return command;
    }

    public static string Quote(string identifier) => $"\"{identifier.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    [GeneratedRegex(@"\b(\w+) Error:", RegexOptions.CultureInvariant)]
    private static partial Regex KindOfError();
}
