namespace UnifiedMemory;

/// <summary>
/// The infrastructure behind a store failed: the database, or the embedding service. A caller's mistake is an
/// <see cref="ArgumentException"/> instead. Messages hold neither memory content nor credentials.
/// </summary>
public class UnifiedMemoryException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="operation">What was being done, for example <c>search</c>.</param>
    /// <param name="message">What failed, with which value, and what to do.</param>
    /// <param name="isTransient">Whether the same call may succeed later without a change.</param>
    /// <param name="innerException">The cause.</param>
    public UnifiedMemoryException(string operation, string message, bool isTransient, Exception? innerException = null)
        : base(message, innerException)
    {
        Operation = operation;
        IsTransient = isTransient;
    }

    /// <summary>What was being done: <c>store</c>, <c>search</c>, <c>embed</c>, <c>migrate</c> and so on.</summary>
    public string Operation { get; }

    /// <summary>Whether the same call may succeed later without a change. The library's own retries are already over.</summary>
    public bool IsTransient { get; }

    /// <summary>PostgreSQL's code of the error, where the database answered with one.</summary>
    public string? SqlState { get; init; }
}
