namespace UnifiedMemory.Backup.Programs;

/// <summary>A program to run.</summary>
/// <param name="Path">The program.</param>
/// <param name="Arguments">Every user of the machine can read them: never a password.</param>
internal sealed record ProgramCall(string Path, IReadOnlyList<string> Arguments)
{
    /// <summary>What it finds in its environment, besides that of this process without its PG variables.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>The user to run as, when this process is root; <c>null</c> for its own.</summary>
    public string? User { get; init; }

    /// <summary>Reads its standard output to the end. Default: it is kept for messages.</summary>
    public Func<Stream, CancellationToken, Task>? ReadOutput { get; init; }
}
