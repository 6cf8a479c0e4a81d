using Microsoft.Extensions.Logging.Abstractions;
using UnifiedMemory.Postgres;
using UnifiedMemory.Searching;

namespace UnifiedMemory.Tests.Searching;

/// <summary>What the store knows of a filter, in a table too large to be read for it.</summary>
public sealed class EstimateTests : StoreFixture
{
    private const int Count = 40_000;

    [Test]
    public async Task A_filter_is_sampled_or_counted_and_never_guessed()
    {
        await TestServer.ExecuteAsync(
            $"""
            INSERT INTO {Table} (namespace, id, memory_type, kind, tags, source_system, content, content_hash, identity_hash, embedding, expires_at)
            SELECT CASE WHEN i % 20 = 0 THEN 'small' ELSE 'default' END, gen_random_uuid(), 'rag',
                   CASE WHEN i > {Count / 2} AND i % 500 = 3 THEN 'late' WHEN i <= 5000 THEN 'early' ELSE 'other' END, CASE WHEN i % 1000 = 1 THEN ARRAY['rare'] ELSE ARRAY[]::text[] END,
                   CASE WHEN i % 10 = 1 THEN 'tenth' ELSE 'most' END, 'one two three', sha256('x'), sha256(i::text::bytea), '[1,0,0,0,0,0,0,0]',
                   CASE WHEN i % 4 = 2 THEN now() - interval '1 hour' END
            FROM generate_series(1, {Count}) AS i;
            ANALYZE {Table}
            """);
        await using var database = new Database(NewOptions(), NullLoggerFactory.Instance, TimeProvider.System);
        var table = new MemoryTable(database, new StoreSchema(Prefix), Embeddings.Dimensions, sinks: []);
        var pages = await TestServer.ScalarAsync<long>($"SELECT pg_relation_size('{Table}') / 8192");
        Assume.That(pages, Is.GreaterThan(1000), "more than are sampled");

        var all = await EstimateAsync(new MemoryFilter { Namespace = MemoryFilter.AllNamespaces });
        Assert.That(all.Total, Is.EqualTo(Count).Within(5).Percent);
        Assert.That(all.Matching, Is.EqualTo(Count * 3 / 4).Within(10).Percent, "the expired do not count");
        Assert.That(all.AverageWords, Is.EqualTo(3));

        var tenth = await EstimateAsync(new MemoryFilter { SourceSystem = "tenth" });
        Assert.That(tenth.Matching, Is.EqualTo(Count / 10).Within(20).Percent);
        Assert.That(tenth.Visited, Is.EqualTo(Count * 19 / 20).Within(10).Percent, "what an ordinary index cannot tell is visited");

        var rare = await EstimateAsync(new MemoryFilter { Tags = ["rare"] });
        Assert.That((rare.Visited, rare.Matching), Is.EqualTo((40.0, 40.0)), "counted");

        var nowhere = await EstimateAsync(new MemoryFilter { Namespace = "nowhere" });
        Assert.That((nowhere.Visited, nowhere.Matching, nowhere.AverageWords), Is.EqualTo((0.0, 0.0, 0.0)));

        var late = await EstimateAsync(new MemoryFilter { Kind = "late" });
        Assert.That(late.Matching, Is.InRange(10, 100), "the first ten thousand of the table know none of them, the sample does");

        Task<ScopeStatistics> EstimateAsync(MemoryFilter filter) => table.EstimateAsync(filter, CancellationToken.None);
    }
}
