namespace UnifiedMemory.Processes;

/// <summary>How a program ended.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Output">What it wrote to standard output, then to standard error.</param>
internal readonly record struct ProgramResult(int ExitCode, string Output);
