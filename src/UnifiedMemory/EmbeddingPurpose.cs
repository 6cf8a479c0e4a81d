namespace UnifiedMemory;

/// <summary>What a text is embedded for. Models such as <c>nomic-embed-text</c> need to be told.</summary>
public enum EmbeddingPurpose
{
    /// <summary>The text is stored and will be found.</summary>
    Document,

    /// <summary>The text is a question that is asked of what is stored.</summary>
    Query,
}
