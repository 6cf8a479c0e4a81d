namespace UnifiedMemory.SessionBuddy;

/// <summary>What an import did.</summary>
/// <param name="Tables">The tables that the file has, in the order in which they were read.</param>
/// <param name="Absent">What was looked for and is not there, or has no columns that are known.</param>
public sealed record SessionBuddyImport(IReadOnlyList<SessionBuddyImportTable> Tables, IReadOnlyList<string> Absent);
