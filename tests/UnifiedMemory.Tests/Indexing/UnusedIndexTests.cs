namespace UnifiedMemory.Tests.Indexing;

/// <summary>Which scans are searches, and when their lack means something.</summary>
public sealed class UnusedIndexTests : IndexingFixture
{
    private const string Reset = "reset";
    private const string Began = "began";
    private const string Started = "started";
    private const string Replayed = "replayed";

    [Test]
    public async Task Indexes_that_nothing_is_searched_through_are_reported_after_a_week_and_kept()
    {
        await FillAsync(400);
        await using var store = await NewOldAsync();
        Assert.That((await store.MaintainIndexesAsync()).Indexes.Where(index => index.IsUnused), Is.Empty, "too early to tell");
        await AgeAsync();

        var report = await store.MaintainIndexesAsync();

        Assert.That(Find(report, OnAll).IsUnused, Is.True, "only measurements have scanned it");
        var tags = Find(report, "memories_tags");
        Assert.That((tags.IsUnused, tags.Method, tags.Action), Is.EqualTo((true, (VectorIndexMethod?)null, IndexAction.Kept)));
        Assert.That(tags.SizeBytes, Is.GreaterThan(0));
        Assert.That(Find(report, "memories_pkey").IsUnused, Is.False, "it keeps duplicates out");

        await Store.DeleteAsync(Guid.NewGuid());
        await Eventually.TrueAsync(
            async () => !Find(await store.MaintainIndexesAsync(), "memories_id").IsUnused, "the scan for an id is counted");
    }

    [TestCase(Reset)]
    [TestCase(Began, Description = "as after a crash")]
    [TestCase(Started)]
    [TestCase(Replayed, Description = "as of a standby that was promoted")]
    public async Task What_was_not_counted_for_a_week_is_not_called_unused(string recent)
    {
        await FillAsync(400);
        await using var store = await NewOldAsync();
        await store.MaintainIndexesAsync();
        await AgeAsync();

        await TestServer.ExecuteAsync($"UPDATE {Prefix}memories.times SET {recent} = now() - interval '6 days'");
        Assert.That((await store.MaintainIndexesAsync()).Indexes.Where(index => index.IsUnused), Is.Empty);
        await TestServer.ExecuteAsync($"UPDATE {Prefix}memories.times SET {recent} = now() - interval '8 days'");
        Assert.That((await store.MaintainIndexesAsync()).Indexes.Where(index => index.IsUnused), Is.Not.Empty);
    }

    [Test]
    public async Task Searches_are_counted_also_after_the_counter_began_anew()
    {
        await FillAsync(3000);
        await using var store = await NewOldAsync();
        await store.MaintainIndexesAsync();
        await AgeAsync();
        await TestServer.ExecuteAsync($"SELECT pg_stat_reset_single_table_counters('{Prefix}memories.{OnAll}'::regclass)");

        Assert.That(await LookAsync(), Is.EqualTo((0, true)));
        await store.SearchAsync(new MemoryQuery("anything") { Mode = SearchMode.Vector });
        await Eventually.TrueAsync(async () => await LookAsync() == (1, false), "the search is counted, and it is one");
        await StaleAsync();
        await LookAsync();
        Assert.That(await LookAsync(), Is.EqualTo((1, false)), "another measurement was no search");

        async Task<(long Scans, bool IsUnused)> LookAsync()
        {
            var index = Find(await store.MaintainIndexesAsync(), OnAll);
            return (index.Scans, index.IsUnused);
        }
    }

    private Task AgeAsync() => TestServer.ExecuteAsync(
        $"""
        UPDATE {Prefix}memories.vector_indexes SET built_at = now() - interval '8 days';
        UPDATE {Prefix}memories.schema_versions SET applied_on = now() - interval '8 days';
        """);

    /// <summary>
    /// A store whose server has been up for a week and has never lost nor reset its statistics: it finds that in front of the catalogue.
    /// </summary>
    private async Task<UnifiedMemoryStore> NewOldAsync()
    {
        await TestServer.ExecuteAsync(
            $"""
            CREATE TABLE {Prefix}memories.times AS SELECT NULL::timestamptz AS {Reset}, now() - interval '8 days' AS {Began},
                now() - interval '8 days' AS {Started}, NULL::timestamptz AS {Replayed};
            CREATE VIEW {Prefix}memories.pg_stat_database AS SELECT current_database() AS datname, {Reset} AS stats_reset FROM {Prefix}memories.times;
            CREATE VIEW {Prefix}memories.pg_stat_bgwriter AS SELECT {Began} AS stats_reset FROM {Prefix}memories.times;
            CREATE FUNCTION {Prefix}memories.pg_postmaster_start_time() RETURNS timestamptz LANGUAGE sql
                AS $$ SELECT {Started} FROM {Prefix}memories.times $$;
            CREATE FUNCTION {Prefix}memories.pg_last_xact_replay_timestamp() RETURNS timestamptz LANGUAGE sql
                AS $$ SELECT {Replayed} FROM {Prefix}memories.times $$;
            """);
        return NewMaintained(options => options.ConnectionString += $";Search Path='{Prefix}memories,pg_catalog,public'");
    }
}
