namespace UnifiedMemory;

/// <summary>
/// One text cannot be embedded: it is longer than the model's context, or the model answers it with a vector that is not
/// usable. Other texts are not affected. Never transient.
/// </summary>
public sealed class EmbeddingRejectedException : UnifiedMemoryException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">Why, without the text itself.</param>
    /// <param name="innerException">The cause.</param>
    public EmbeddingRejectedException(string message, Exception? innerException = null)
        : base("embed", message, isTransient: false, innerException)
    {
    }
}
