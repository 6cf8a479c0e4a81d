namespace UnifiedMemory.Backup.Programs;

/// <summary>This machine or the server lacks something that the work needs: a program, an extension, a right.</summary>
internal sealed class MissingPrerequisiteException(string operation, string message, Exception? innerException = null)
    : UnifiedMemoryException(operation, message, isTransient: false, innerException);
