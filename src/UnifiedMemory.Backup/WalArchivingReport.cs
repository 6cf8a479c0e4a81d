namespace UnifiedMemory.Backup;

/// <summary>Whether the server archives its write-ahead log, which point-in-time recovery rests on.</summary>
/// <param name="Problems">What is wrong, in words; empty when nothing is.</param>
/// <param name="Configuration">What belongs into <c>postgresql.conf</c>, as far as it is not there; empty when all is.</param>
/// <param name="LastArchived">The file that was archived last.</param>
/// <param name="WalBytes">Size of <c>pg_wal</c>; <c>null</c> where the role may not see it (<c>pg_monitor</c>).</param>
public sealed record WalArchivingReport(
    IReadOnlyList<string> Problems, string Configuration, string? LastArchived, long? WalBytes)
{
    /// <summary>Whether nothing is wrong.</summary>
    public bool IsWorking => Problems.Count == 0;
}
