namespace UnifiedMemory.Backup.Programs;

/// <summary>How a program ended.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Messages">What it wrote, to standard output (unless that was read) and to standard error.</param>
internal readonly record struct ProgramResult(int ExitCode, string Messages);
