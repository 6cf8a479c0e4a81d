namespace UnifiedMemory;

/// <summary>
/// Finds insights in the texts that are stored, and says what they are about. Part of each store call, and of deliveries: it answers from
/// memory, may be called by many threads at once, and does not throw. If it does, the memory is stored with what was found before, an insight
/// is delivered as a general one, and a warning is logged.
/// </summary>
public interface IInsightDetector
{
    /// <summary>
    /// The insights that the text of a memory holds. Not asked for memories of type <see cref="MemoryType.Insight"/> or with
    /// <see cref="NewMemory.Insight"/>, which are insights as a whole.
    /// </summary>
    /// <param name="memory">The memory that is stored.</param>
    /// <returns>
    /// In their order; no more are taken than <see cref="InsightOptions.MaxPerMemory"/>. One that cannot be stored is left out, with a warning.
    /// </returns>
    IEnumerable<DetectedInsight> Find(NewMemory memory);

    /// <summary>
    /// What a memory is about that the host says is an insight. What the host says itself takes precedence. Asked when it is stored with
    /// <see cref="NewMemory.Insight"/>, or else each time that it is delivered or listed.
    /// </summary>
    /// <param name="memory">The memory that is stored, or as it is in the store.</param>
    DetectedInsight Describe(NewMemory memory);
}
