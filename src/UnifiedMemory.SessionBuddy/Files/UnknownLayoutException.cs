namespace UnifiedMemory.SessionBuddy.Files;

/// <summary>The file has no table that is known. Nothing was written.</summary>
internal sealed class UnknownLayoutException(string message) : Exception(message);
