namespace UnifiedMemory.SessionBuddy;

/// <summary>What an export wrote, rows that were there before included.</summary>
/// <param name="Patterns">Patterns.</param>
/// <param name="Dependencies">Dependencies.</param>
/// <param name="Groups">Groups of projects: one for each namespace that has dependencies.</param>
public sealed record SessionBuddyExport(int Patterns, int Dependencies, int Groups);
