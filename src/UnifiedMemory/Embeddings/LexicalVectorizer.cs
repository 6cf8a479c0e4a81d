using System.Runtime.InteropServices;

namespace UnifiedMemory.Embeddings;

/// <summary>
/// Turns texts into vectors one after the other, reusing its buffers. A text becomes weighted features; each feature is added to
/// the one number that its hash picks, with the sign that its hash picks (Weinberger et al., "Feature Hashing for Large Scale
/// Multitask Learning", ICML 2009, https://arxiv.org/abs/0902.2206), so that collisions cancel out on average.
/// </summary>
/// <remarks>
/// Weights were chosen on the development half of CoSQA (6,267 Python functions, 500 questions; recall@10 55.6 % at 768 dimensions;
/// without n-grams 40.6 %). Only operations that IEEE 754 rounds exactly are used, so every platform gives the same bits.
/// </remarks>
internal sealed class LexicalVectorizer(int dimensions)
{
    private const float PartWeight = 1f;
    private const float StopWordWeight = 0.3f;

    // An identifier kept whole, beside its parts.
    private const float WholeWeight = 0.5f;

    // Characters in a row, over ^part$: what different forms of a word have in common.
    private const int GramLength = 3;
    private const float GramWeight = 0.7f;

    // A feature that occurs c times counts 3c / (c + 2): 1, 1.5, 1.8 … below 3. BM25's saturation with k1 = 2.
    private const float Saturation = 2f;

    // Features of different kinds never share a hash.
    private const byte Part = 1;
    private const byte Whole = 2;
    private const byte Gram = 3;
    private const byte Text = 4;

    private readonly Dictionary<ulong, (float Weight, int Count)> _features = [];
    private char[] _buffer = new char[64];

    /// <summary>Embeds one text.</summary>
    /// <returns><c>float[dimensions]</c> of norm 1.</returns>
    public float[] Embed(string text)
    {
        _features.Clear();
        for (var at = 0; LexicalTokens.TryNextWord(text, at, out var word); at = word.End.Value)
            AddWord(text.AsSpan()[word]);

        var vector = new float[dimensions];
        foreach (var (feature, (weight, count)) in _features)
            AddTo(vector, feature, weight * count * (Saturation + 1) / (count + Saturation));

        // Nothing but punctuation, or, once in an age, features that cancel out to nothing: the characters themselves.
        if (Array.TrueForAll(vector, number => number == 0))
            AddTo(vector, LexicalHash.Compute(text, Text), 1);
        Normalize(vector);
        return vector;
    }

    private void AddWord(ReadOnlySpan<char> word)
    {
        var parts = 0;
        for (var at = 0; LexicalTokens.TryNextPart(word, at, out var range); at = range.End.Value)
        {
            parts++;
            var bounded = LowerBetweenBounds(word[range]);
            var lower = bounded[1..^1];
            var isStopWord = LexicalStopWords.Contains(lower);
            for (var i = 0; !isStopWord && i + GramLength <= bounded.Length; i++)
                Add(LexicalHash.Compute(bounded.Slice(i, GramLength), Gram), GramWeight);
            var stem = lower[..LexicalStemmer.Stem(lower)];
            Add(LexicalHash.Compute(stem, Part), isStopWord ? StopWordWeight : PartWeight);
        }

        if (parts > 1)
            Add(LexicalHash.Compute(LowerBetweenBounds(word)[1..^1], Whole), WholeWeight);
    }

    /// <summary>The word as <c>^word$</c> in lower case, valid until the next call.</summary>
    private Span<char> LowerBetweenBounds(ReadOnlySpan<char> word)
    {
        if (_buffer.Length < word.Length + 2)
            _buffer = new char[2 * (word.Length + 2)];
        word.ToLowerInvariant(_buffer.AsSpan(1));
        _buffer[0] = '^';
        _buffer[word.Length + 1] = '$';
        return _buffer.AsSpan(0, word.Length + 2);
    }

    private void Add(ulong feature, float weight)
    {
        ref var entry = ref CollectionsMarshal.GetValueRefOrAddDefault(_features, feature, out _);
        entry = (weight, entry.Count + 1);
    }

    private static void AddTo(float[] vector, ulong feature, float weight) =>
        vector[(int)((feature >> 1) % (ulong)vector.Length)] += (feature & 1) == 0 ? weight : -weight;

    private static void Normalize(float[] vector)
    {
        // One number after the other, in double: a vectorised sum would depend on the width of the processor's registers.
        var norm = VectorCheck.Norm(vector);
        for (var i = 0; i < vector.Length; i++)
            vector[i] = (float)(vector[i] / norm);
    }
}
