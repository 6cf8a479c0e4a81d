namespace UnifiedMemory.Benchmarks.Workload;

/// <summary>
/// Made-up words that are as frequent as those of real texts: the chance of the n-th is about 1/n (Zipf's law), so that a few are in
/// nearly every memory and most in hardly any. What a search by words costs depends on that.
/// </summary>
internal static class Vocabulary
{
    public const int Size = 50_000;

    private const string Consonants = "bdfgklmnprtvz";
    private const string Vowels = "aou";
    private const int Syllables = 39;

    /// <summary>A word of a text. The logarithm of its rank is spread evenly, which is Zipf's law.</summary>
    public static string Next(Random random) => Next(random, 1, Size);

    /// <summary>One of the words from one rank to another, 1 being the most frequent.</summary>
    public static string Next(Random random, int from, int to) =>
        Word((int)(from * Math.Pow((double)to / from, random.NextDouble())));

    /// <summary>Three syllables, none of which a stemmer takes for an ending.</summary>
    private static string Word(int rank) =>
        Syllable(rank % Syllables) + Syllable(rank / Syllables % Syllables) + Syllable(rank / Syllables / Syllables % Syllables);

    private static string Syllable(int number) => $"{Consonants[number / Vowels.Length]}{Vowels[number % Vowels.Length]}";
}
