using System.ComponentModel;
using Npgsql;
using UnifiedMemory.Backup.Programs;

namespace UnifiedMemory.Backup.Verifying;

/// <summary>Tells failures of what a check works with from damage of what it looks at.</summary>
internal static class CheckFaults
{
    /// <summary>A program that a signal ended: the shells' convention, and .NET's.</summary>
    private const int EndedBySignal = 128;

    /// <summary>
    /// Connections, rights, resources, operators. Not 58P01, a missing file: that of a restored table is damage.
    /// https://www.postgresql.org/docs/current/errcodes-appendix.html
    /// </summary>
    private static readonly string[] States = ["08", "28", "3D000", "40", "42501", "53", "55006", "55P03", "57", "58000", "58030"];

    /// <summary>Programs have no codes for it. They run with untranslated messages; those of a server may be in its own language.</summary>
    private static readonly string[] Messages =
    [
        "connection to server", "server closed the connection", "could not receive data from server", "terminating connection", "timeout expired",
        "the database system is ", "sorry, too many clients", "canceling statement due to", "No space left on device", "Disk quota exceeded",
        "Read-only file system", "permission denied", "Too many open files", "Cannot allocate memory", "ERROR:  out of memory", "FATAL:  out of memory",
        "could not resize shared memory segment", "could not create shared memory segment", "could not create any Unix-domain sockets",
        "could not access file \"$libdir", "Input/output error",
    ];

    public static bool IsOfSurroundings(Exception exception) => exception switch
    {
        PostgresException failure => IsState(failure.SqlState),
        MissingPrerequisiteException or NpgsqlException => true,
        UnifiedMemoryException failure =>
            failure.IsTransient || (failure.SqlState is { } state && IsState(state)) || (failure.InnerException is { } inner && IsOfSurroundings(inner)),
        FileNotFoundException or EndOfStreamException => false,
        IOException or UnauthorizedAccessException or Win32Exception or TimeoutException => true,
        _ => false,
    };

    /// <summary>What a program's failure is to a check.</summary>
    /// <param name="result">How it ended.</param>
    /// <param name="detail">In words, for the report.</param>
    public static Exception Of(ProgramResult result, string detail) =>
        result.ExitCode > EndedBySignal || Messages.Any(message => result.Messages.Contains(message, StringComparison.OrdinalIgnoreCase))
            ? new MissingPrerequisiteException("verify", detail)
            : new CheckFailedException(detail);

    private static bool IsState(string state) => States.Any(one => state.StartsWith(one, StringComparison.Ordinal));
}
