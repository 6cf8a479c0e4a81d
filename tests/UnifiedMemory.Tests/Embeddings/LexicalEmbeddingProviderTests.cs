using System.Diagnostics;
using UnifiedMemory.Embeddings;

namespace UnifiedMemory.Tests.Embeddings;

internal sealed class LexicalEmbeddingProviderTests
{
    private readonly LexicalEmbeddingProvider _provider = new();

    [TestCase("how is the HTTP connection closed?", "public void CloseConnection() => _http.Dispose();", "def parse_date(text): return date(text)")]
    [TestCase("parse url", "static Uri parseUrl(string s)", "static int parseNumber(string s)")]
    [TestCase("writing files", "It writes a file to disk.", "It reads a message from the queue.")]
    [TestCase("order_id", "The orderId is unique.", "The ordering of rows is not defined.")]
    [TestCase("retry policy of the payment service", "Payment calls are retried three times.", "The service of the old house was good.")]
    public async Task A_query_is_nearer_to_the_text_that_shares_its_words(string query, string relevant, string other)
    {
        var vectors = await _provider.EmbedAsync([query, relevant, other], EmbeddingPurpose.Document);
        Assert.That(Dot(vectors[0], vectors[1]), Is.GreaterThan(Dot(vectors[0], vectors[2])));
    }

    [Test]
    public async Task The_same_text_gives_these_numbers_in_every_process_and_on_every_platform()
    {
        var vectors = await _provider.EmbedAsync(
            ["The orderId of parse_http_url2 was written.", "Übergrößenträger 数据库 😀", "?!"], EmbeddingPurpose.Document);
        Assert.That(
            vectors.Select(Fingerprint),
            Is.EqualTo(["4:0.14930838 38 cbd11a4f", "37:0.19201517 21 382264ee", "465:1 1 9b1c39c5"]));
    }

    [TestCase("")]
    [TestCase("   ")]
    [TestCase("?! … ---")]
    [TestCase("___")]
    [TestCase("\ud83d")]
    [TestCase("the of and")]
    public async Task A_text_without_words_still_gets_a_vector_of_norm_one(string text)
    {
        var vector = (await _provider.EmbedAsync([text], EmbeddingPurpose.Query)).Single();
        Assert.That(VectorCheck.FindFault(vector, 768), Is.Null);
        Assert.That(VectorCheck.Norm(vector), Is.EqualTo(1).Within(1e-5));
    }

    [TestCase("parseHTTPUrl2", "parse HTTP Url 2")]
    [TestCase("snake_case__name_", "snake case name")]
    [TestCase("IOError", "IO Error")]
    [TestCase("sha256sum", "sha 256 sum")]
    [TestCase("größeÄndern", "größe Ändern")]
    [TestCase("ALL_CAPS", "ALL CAPS")]
    public void An_identifier_is_cut_into_its_parts(string word, string expected)
    {
        List<string> parts = [];
        for (var at = 0; LexicalTokens.TryNextPart(word, at, out var part); at = part.End.Value)
            parts.Add(word[part]);
        Assert.That(string.Join(' ', parts), Is.EqualTo(expected));
    }

    [TestCase("writ", "write", "writes", "writing")]
    [TestCase("stop", "stop", "stops", "stopped", "stopping")]
    [TestCase("query", "query", "queries")]
    [TestCase("class", "class", "classes")]
    [TestCase("box", "box", "boxes")]
    [TestCase("string", "string", "strings")]
    [TestCase("status", "status")]
    [TestCase("need", "need", "needs", "needed")]
    [TestCase("bed", "bed", "beds")]
    public void Forms_of_a_word_share_a_stem(string stem, params string[] forms)
    {
        foreach (var form in forms)
        {
            var letters = form.ToCharArray();
            var length = LexicalStemmer.Stem(letters);
            Assert.That(new string(letters, 0, length), Is.EqualTo(stem), form);
        }
    }

    [Test]
    public void A_hundred_thousand_short_texts_take_seconds()
    {
        var texts = Enumerable.Range(0, 100_000)
            .Select(i => $"Memory {i}: the agent stored the result of step {i % 97} in the workflow state.").ToArray();
        var watch = Stopwatch.StartNew();
        foreach (var batch in texts.Chunk(_provider.Limits.MaxBatchItems))
            Assert.That(_provider.EmbedAsync(batch, EmbeddingPurpose.Document).IsCompletedSuccessfully);
        TestContext.Out.WriteLine($"100,000 texts: {watch.Elapsed}");
        Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(60)), "an order of magnitude, for slow machines");
    }

    [TestCase(0)]
    [TestCase(2001)]
    public void Dimensions_that_cannot_be_indexed_are_refused(int dimensions) =>
        Assert.That(() => new LexicalEmbeddingProvider(dimensions), Throws.InstanceOf<ArgumentOutOfRangeException>());

    private static double Dot(float[] a, float[] b) => a.Zip(b, (x, y) => (double)x * y).Sum();

    /// <summary>The first number that is not zero, how many are not, and FNV-1a over all bits.</summary>
    private static string Fingerprint(float[] vector)
    {
        var hash = vector.Aggregate(2166136261u, (h, number) => (h ^ BitConverter.SingleToUInt32Bits(number)) * 16777619u);
        var first = Array.FindIndex(vector, number => number != 0);
        return FormattableString.Invariant($"{first}:{vector[first]:R} {vector.Count(number => number != 0)} {hash:x8}");
    }
}
