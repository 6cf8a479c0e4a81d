namespace UnifiedMemory.SessionBuddy.Files;

/// <summary>The file cannot be opened now. The message holds its path, and nothing of what is in it.</summary>
internal sealed class FileUnavailableException(string message, Exception? cause = null) : Exception(message, cause)
{
    /// <summary>Whether another has it open, so that it can be opened later without anybody's doing.</summary>
    public bool IsInUse { get; init; }
}
