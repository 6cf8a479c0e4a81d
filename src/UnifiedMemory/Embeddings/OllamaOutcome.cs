namespace UnifiedMemory.Embeddings;

/// <summary>What an answer of Ollama's <c>/api/embed</c> means.</summary>
internal enum OllamaOutcome
{
    /// <summary>200 with vectors, not yet checked.</summary>
    Embedded,

    /// <summary>404 that names a model: it is not pulled.</summary>
    ModelMissing,

    /// <summary>A text is longer than the model's context.</summary>
    TooLong,

    /// <summary>The model made NaN or infinity of a text.</summary>
    NotFinite,

    /// <summary>Some other refusal that may be one text's fault.</summary>
    TextRefused,

    /// <summary>502, 503, 504, 429: overloaded or not there at the moment.</summary>
    Overloaded,

    /// <summary>500: transient, or one text's fault. Only trying tells.</summary>
    InternalError,

    /// <summary>Nothing that another text or another moment changes: the model does not embed, no permission, no such path.</summary>
    SetupRefused,
}
