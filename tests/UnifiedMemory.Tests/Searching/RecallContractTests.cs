using CsCheck;

namespace UnifiedMemory.Tests.Searching;

/// <summary>Whoever asks for k memories gets k if k fulfil the filter, in order, and nearly always the right ones.</summary>
public sealed class RecallContractTests : StoreFixture
{
    private const int Dimensions = 16;
    private const int Questions = 80;

    /// <summary>Of the memories that an exact search finds; over all questions.</summary>
    private const double LeastRecall = 0.98;

    private readonly KnownVectors _vectors = new(Dimensions);

    protected override IEmbeddingProvider Provider => _vectors;

    public enum Indexes
    {
        None,
        Full,
        FullAndPartial,
        HalfPrecision,
        IvfFlat,
    }

    [Test]
    public async Task A_search_is_complete_in_order_inside_its_filter_and_right([Values] Indexes indexes, [Values] bool distributed)
    {
        var data = new RecallData(_vectors);
        var byContent = data.Memories.ToDictionary(memory => memory.Content);
        await using var store = await StoreAsync(data, indexes, distributed);
        var recalls = new List<(double Recall, RecallData.Question Question)>();

        // A failure names the seed, with which CsCheck_Seed=... asks that question first.
        await RecallData.Questions.SampleAsync(
            async question =>
            {
                var query = question.ToQuery();
                var similarities = data.Memories.Where(question.Allows)
                    .Select(memory => data.Vectors.Cosine(query.Text, memory.Content)).OrderDescending().Take(query.Limit).ToList();

                var exact = await store.SearchAsync(query with { Exact = true });
                var found = await store.SearchAsync(query);

                Assert.That(exact.Select(match => match.Similarity), Is.EqualTo(similarities).Within(1e-5), "an exact search finds the nearest");
                Assert.That(found, Has.Count.EqualTo(similarities.Count), "all that are asked for are found");
                Assert.That(found.Select(match => match.Similarity), Is.Ordered.Descending);
                Assert.That(found.Select(match => match.VectorRank), Is.EqualTo(Enumerable.Range(1, found.Count)));
                Assert.That(found.Select(match => match.Record.Id), Is.Unique);
                foreach (var match in found)
                {
                    Assert.That(question.Allows(byContent[match.Record.Content]), $"{match.Record.Content} is outside of the filter");
                    Assert.That(match.Similarity, Is.EqualTo(data.Vectors.Cosine(query.Text, match.Record.Content)).Within(1e-5));
                }

                if (exact.Count > 0)
                    recalls.Add((found.IntersectBy(exact.Select(match => match.Record.Id), match => match.Record.Id).Count() / (double)exact.Count, question));
            },
            iter: Questions, threads: 1);

        var worst = recalls.MinBy(one => one.Recall);
        Assert.That(recalls.Average(one => one.Recall), Is.AtLeast(indexes == Indexes.None ? 1 : LeastRecall), $"worst: {worst}");
    }

    private async Task<UnifiedMemoryStore> StoreAsync(RecallData data, Indexes indexes, bool distributed)
    {
        await Store.StoreManyAsync(data.Memories);
        await TestServer.ExecuteAsync($"ANALYZE {Table}");
        if (indexes is Indexes.Full or Indexes.FullAndPartial)
            await VectorIndexes.CreateHnswAsync(Prefix);
        if (indexes == Indexes.HalfPrecision)
            await VectorIndexes.CreateHalfPrecisionAsync(Prefix, Dimensions);
        if (indexes == Indexes.IvfFlat)
            await VectorIndexes.CreateIvfFlatAsync(Prefix, lists: 30, effort: 16);
        foreach (var type in indexes == Indexes.FullAndPartial ? Enum.GetValues<MemoryType>() : [])
            await VectorIndexes.CreateHnswAsync(Prefix, type);
        return distributed ? await NewDistributedStoreAsync() : NewStore();
    }
}
