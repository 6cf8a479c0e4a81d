using UnifiedMemory.Indexing;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Tests.Indexing;

/// <summary>How many memories there are of each type, where there are too many to count them: here more than 100.</summary>
public sealed class IndexCatalogTests : IndexingFixture
{
    [SetUp]
    public Task LeaveItAloneAsync() => DisableAutovacuumAsync();

    [Test]
    public async Task Types_are_known_where_a_restore_has_left_rows_without_statistics()
    {
        await FillAsync(1000);
        await FillAsync(200, "insight");
        await TestServer.ExecuteAsync($"VACUUM {Table}");
        Assert.That(await TestServer.ScalarAsync<float>($"SELECT reltuples FROM pg_class WHERE oid = '{Table}'::regclass"), Is.EqualTo(1200));

        var counts = await CountAsync();

        Assert.That((counts.Total, counts.Of(MemoryType.Rag), counts.Of(MemoryType.Insight)), Is.EqualTo((1200, 1000, 200)));
        Assert.That(counts.PerSample, Is.EqualTo(1200 / 30_000.0));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task Types_are_known_after_a_load_into_a_table_that_was_analyzed_before(bool vacuumed)
    {
        await FillAsync(1000);
        await TestServer.ExecuteAsync($"ANALYZE {Table}");
        await FillAsync(500, "insight");
        if (vacuumed)
        {
            await TestServer.ExecuteAsync($"VACUUM {Table}");
            await Eventually.TrueAsync(
                () => TestServer.ScalarAsync<bool>($"SELECT pg_stat_get_mod_since_analyze('{Table}'::regclass) >= 500"), "the load is counted");
        }

        Assert.That((await CountAsync()).Of(MemoryType.Insight), Is.EqualTo(500));
    }

    [Test]
    public async Task A_table_that_hardly_changed_is_not_analyzed_again()
    {
        await FillAsync(1000);
        var first = await CountAsync();
        var analyzed = await AnalyzedAsync();
        await FillAsync(20, "insight");

        var second = await CountAsync();

        Assert.That((first.Of(MemoryType.Insight), second.Of(MemoryType.Insight)), Is.EqualTo((0, 0)));
        Assert.That(await AnalyzedAsync(), Is.EqualTo(analyzed));

        Task<long> AnalyzedAsync() => TestServer.ScalarAsync<long>($"SELECT pg_stat_get_analyze_count('{Table}'::regclass)");
    }

    [Test]
    public async Task No_index_goes_for_statistics_that_cannot_be_renewed_just_now()
    {
        await FillAsync(1000);
        await FillAsync(200, "insight");
        await TestServer.ExecuteAsync($"VACUUM {Table}");
        await using var other = await OpenAsync();
        await using var transaction = await other.BeginTransactionAsync();
        await ExecuteAsync(other, $"LOCK TABLE {Table} IN SHARE UPDATE EXCLUSIVE MODE");

        var counts = await CountAsync();

        Assert.That((counts.Total, counts.Of(MemoryType.Insight)), Is.EqualTo((1200, 0)));
        var options = new UnifiedMemoryOptions { Indexes = { Threshold = 300, TypeThreshold = 100 } };
        var insight = VectorIndexDefinition.Hnsw(MemoryType.Insight, false, options.Hnsw);
        Assert.That(new IndexPlan(options, 8, counts).Decide(MemoryType.Insight, true, insight, 1000, null).Step, Is.EqualTo(IndexStep.Keep));
        await transaction.RollbackAsync();
        Assert.That((await CountAsync()).Of(MemoryType.Insight), Is.EqualTo(200));
    }

    private async Task<MemoryCounts> CountAsync()
    {
        await using var connection = await OpenAsync();
        return await new IndexCatalog(new StoreSchema(Prefix), countedRows: 100).CountAsync(connection, CancellationToken.None);
    }
}
