namespace UnifiedMemory.Embeddings;

/// <summary>What a text must be before it is sent to a service.</summary>
internal static class EmbeddingText
{
    /// <summary>Half a character cannot be sent; the service would embed another text than was given, or fail.</summary>
    /// <exception cref="EmbeddingRejectedException">The text holds a lone surrogate.</exception>
    public static void RequireWellFormed(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        for (var i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i]))
                continue;
            if (i + 1 == text.Length || !char.IsSurrogatePair(text[i], text[i + 1]))
                throw new EmbeddingRejectedException($"The text is not valid Unicode: a lone surrogate at character {i}.");
            i++;
        }
    }
}
