namespace UnifiedMemory.Embeddings;

/// <summary>Counts texts into one call until <see cref="EmbeddingLimits"/> are reached. Counts the first text whatever its size.</summary>
internal struct EmbeddingBatchBudget(EmbeddingLimits limits)
{
    private int _items;
    private long _characters;

    /// <summary>Takes the text if it still fits.</summary>
    public bool TryTake(string text)
    {
        var fits = _items < limits.MaxBatchItems && _characters + text.Length <= limits.MaxBatchCharacters;
        if (_items > 0 && !fits)
            return false;
        _items++;
        _characters += text.Length;
        return true;
    }

    /// <summary>Cuts the texts, in order, into the fewest calls that keep to the limits.</summary>
    public static IEnumerable<IReadOnlyList<string>> Split(IReadOnlyList<string> texts, EmbeddingLimits limits)
    {
        List<string> batch = [];
        var budget = new EmbeddingBatchBudget(limits);
        foreach (var text in texts)
        {
            if (!budget.TryTake(text))
            {
                yield return batch;
                batch = [];
                budget = new EmbeddingBatchBudget(limits);
                budget.TryTake(text);
            }

            batch.Add(text);
        }

        if (batch.Count > 0)
            yield return batch;
    }
}
