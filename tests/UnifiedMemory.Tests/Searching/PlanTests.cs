using System.Globalization;

namespace UnifiedMemory.Tests.Searching;

/// <summary>Which index a search goes through, as the server counts it.</summary>
public sealed class PlanTests : StoreFixture
{
    private const int Searches = 20;

    [Test]
    public async Task No_filter_goes_through_the_index_of_all()
    {
        await StoreAsync();
        await AssertAsync(new MemoryQuery("angle 30") { Mode = SearchMode.Vector }, "memories_embedding");
    }

    [Test]
    public async Task A_type_goes_through_its_own_index()
    {
        await StoreAsync();
        await AssertAsync(new MemoryQuery("angle 30") { Mode = SearchMode.Vector, Types = [MemoryType.Agent] }, "memories_embedding_agent");
    }

    [Test]
    public async Task An_index_of_half_precision_is_used()
    {
        await StoreAsync(halfPrecision: true);
        await AssertAsync(new MemoryQuery("angle 30") { Mode = SearchMode.Vector }, "memories_embedding");
    }

    [Test]
    public async Task A_rare_tag_is_compared_exactly()
    {
        await StoreAsync();
        await AssertAsync(new MemoryQuery("angle 30") { Mode = SearchMode.Vector, Tags = ["rare"] }, "memories_tags");
    }

    [Test]
    public async Task Rare_metadata_is_compared_exactly()
    {
        await StoreAsync();
        await AssertAsync(
            new MemoryQuery("angle 30") { Mode = SearchMode.Vector, Metadata = MetadataFilter.Field("n").EqualTo(77) }, "memories_metadata");
    }

    [Test]
    public async Task A_session_is_compared_exactly()
    {
        await StoreAsync();
        await AssertAsync(new MemoryQuery("angle 30") { Mode = SearchMode.Vector, SessionId = "session 7" }, "memories_session");
    }

    [Test]
    public async Task Words_are_looked_for_in_the_index_of_words()
    {
        await StoreAsync();
        await AssertAsync(new MemoryQuery("quagga") { Mode = SearchMode.Text }, "memories_text");
    }

    [Test]
    public async Task A_frequent_word_in_a_small_scope_is_looked_for_in_the_scope()
    {
        await StoreAsync();
        await TestServer.ExecuteAsync($"ANALYZE {Prefix}memories.memories");
        var scanned = await AssertAsync(new MemoryQuery("zebra") { Mode = SearchMode.Text, SessionId = "session 7" }, "memories_session");
        Assert.That(scanned, Has.No.Member("memories_text"), "its postings of all sessions");
    }

    [Test]
    public async Task Words_and_vectors_each_go_through_their_index()
    {
        await StoreAsync();
        await AssertAsync(new MemoryQuery("angle 30 quagga"), "memories_text", "memories_embedding");
    }

    private async Task StoreAsync(bool halfPrecision = false)
    {
        await Store.StoreManyAsync(Enumerable.Range(0, 6000).Select(i => new NewMemory(
            string.Create(CultureInfo.InvariantCulture, $"angle {i % 360}.{i} {(i % 50 == 0 ? "quagga" : "zebra")}"), i % 3 == 0 ? MemoryType.Agent : MemoryType.Rag)
        {
            Tags = i % 300 == 0 ? ["rare"] : [],
            SessionId = $"session {i / 20}",
            Metadata = new() { ["n"] = i },
        }));
        if (halfPrecision)
            await VectorIndexes.CreateHalfPrecisionAsync(Prefix, Embeddings.Dimensions);
        else
            await VectorIndexes.CreateHnswAsync(Prefix);
        await VectorIndexes.CreateHnswAsync(Prefix, MemoryType.Agent);
    }

    /// <summary>
    /// Counts the scans of searches whose filter is known by then. A server process tells its counts when it ends, so each
    /// store is closed before.
    /// </summary>
    private async Task<List<string>> AssertAsync(MemoryQuery query, params string[] used)
    {
        await using var store = NewStore(options => options.MaxPoolSize = 1);
        Assert.That(await store.SearchAsync(query), Is.Not.Empty);
        var before = await ScansAsync();
        for (var i = 0; i < Searches; i++)
            await store.SearchAsync(query);
        await store.DisposeAsync();

        await Eventually.TrueAsync(
            async () => (await ScansAsync()).GetValueOrDefault(used[0]) >= before.GetValueOrDefault(used[0]) + Searches, $"{Searches} scans of {used[0]} are counted");
        var after = await ScansAsync();
        var scanned = after.Where(scan => scan.Value >= before.GetValueOrDefault(scan.Key) + Searches).Select(scan => scan.Key).ToList();
        Assert.That(scanned, Is.SupersetOf(used));
        Assert.That(scanned.Where(name => name.StartsWith("memories_embedding", StringComparison.Ordinal)), Is.SubsetOf(used), "other vector indexes");
        Assert.That(scanned, Has.No.Member("table"), "the table itself; fewer scans are those of building the indexes, told late");
        return scanned;
    }

    private async Task<Dictionary<string, long>> ScansAsync()
    {
        var counts = await TestServer.ScalarAsync<string>(
            $"""
            SELECT string_agg(name || '=' || scans, ' ') FROM (
                SELECT indexrelname AS name, idx_scan AS scans FROM pg_stat_all_indexes WHERE schemaname = '{Prefix}memories' AND relname = 'memories'
                UNION ALL
                SELECT 'table', seq_scan FROM pg_stat_all_tables WHERE schemaname = '{Prefix}memories' AND relname = 'memories') AS counts
            """);
        return counts.Split(' ').Select(count => count.Split('=')).ToDictionary(count => count[0], count => long.Parse(count[1], CultureInfo.InvariantCulture));
    }
}
