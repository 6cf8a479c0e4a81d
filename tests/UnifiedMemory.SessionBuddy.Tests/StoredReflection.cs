namespace UnifiedMemory.Tests.SessionBuddy;

/// <summary>What the stand-in holds of one reflection.</summary>
public sealed record StoredReflection(string Content, IReadOnlyList<string> Tags, string? Project);
