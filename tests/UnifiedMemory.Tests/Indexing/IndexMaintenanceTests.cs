using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;

namespace UnifiedMemory.Tests.Indexing;

/// <summary>When there is an index, and which.</summary>
public sealed class IndexMaintenanceTests : IndexingFixture
{
    [Test]
    public async Task Below_the_threshold_there_is_none()
    {
        await FillAsync(299);

        var report = await Maintained.MaintainIndexesAsync();

        Assert.That(await VectorIndexesAsync(), Is.Empty);
        Assert.That(report.Rows, Is.EqualTo(299));
        Assert.That(Find(report, OnAll).Action, Is.EqualTo(IndexAction.Skipped));
        Assert.That(Find(report, OnAll).Reason, Does.Contain("299 memories, below the threshold of 300"));
    }

    [Test]
    public async Task An_empty_store_is_maintained_too()
    {
        var report = await Maintained.MaintainIndexesAsync();

        Assert.That(report.Rows, Is.Zero);
        Assert.That(report.Indexes.Count(index => index.Method is not null), Is.Zero);
    }

    [Test]
    public async Task Above_the_threshold_one_is_built_measured_and_registered()
    {
        await FillAsync(400);
        var seen = new List<IndexProgress>();

        var report = await Maintained.MaintainIndexesAsync(new Immediately(seen));

        var index = Find(report, OnAll);
        Assert.Multiple(() =>
        {
            Assert.That((index.Action, index.Method, index.Type, index.Rows), Is.EqualTo((IndexAction.Built, VectorIndexMethod.Hnsw, (MemoryType?)null, 400L)));
            Assert.That(index.SizeBytes, Is.GreaterThan(0));
            Assert.That(index.BuildTime, Is.GreaterThan(TimeSpan.Zero));
            Assert.That(index.Effort, Is.EqualTo(100), "the default reaches the target here");
            Assert.That(index.Recall, Is.GreaterThanOrEqualTo(0.97));
            Assert.That(index.Scans, Is.Zero);
            Assert.That(seen.Select(one => (one.Index, one.Phase)), Does.Contain((OnAll, "measuring recall")));
        });
        Assert.That(await DefinitionAsync(OnAll), Does.Contain("USING hnsw (embedding vector_cosine_ops) WITH (m='16', ef_construction='64')"));
        Assert.That((await UsableAsync()).Select(one => (one.Name, one.Type, one.Rows, one.Effort)), Is.EqualTo(new[] { (OnAll, (MemoryType?)null, 400L, 100) }));
    }

    [Test]
    public async Task Builds_and_recall_are_measured()
    {
        await FillAsync(400);
        var measured = new ConcurrentDictionary<string, double>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Name.StartsWith("unifiedmemory.index.", StringComparison.Ordinal))
                    self.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<double>((instrument, value, _, _) => measured[instrument.Name] = value);
        listener.SetMeasurementEventCallback<int>((instrument, value, _, _) => measured[instrument.Name] = value);
        listener.Start();

        await Maintained.MaintainIndexesAsync();

        Assert.That(measured["unifiedmemory.index.build.duration"], Is.GreaterThan(0));
        Assert.That(measured["unifiedmemory.index.recall"], Is.InRange(0.97, 1));
        Assert.That(measured["unifiedmemory.index.effort"], Is.EqualTo(100));
    }

    [Test]
    public async Task An_old_pgvector_builds_with_one_process_and_is_warned_about()
    {
        var version = Version.Parse(await TestServer.ScalarAsync<string>("SELECT extversion FROM pg_extension WHERE extname = 'vector'"));
        await FillAsync(400);
        await RecordBuildsAsync();
        var lines = new List<string>();
        using var loggers = LoggerFactory.Create(logging => logging.AddProvider(new ListLogger(lines)));
        var options = NewOptions();
        options.Indexes.Threshold = 300;
        await using var store = UnifiedMemoryStore.Create(options, Embeddings, loggers);

        await store.MaintainIndexesAsync();

        Assert.That(lines.Count(line => line.Contains("CVE-2026-3172", StringComparison.Ordinal)), Is.EqualTo(version < new Version(0, 8, 2) ? 1 : 0));
        var all = await TestServer.ScalarAsync<string>("SHOW max_parallel_maintenance_workers");
        Assert.That(all, Is.Not.EqualTo("0"));
        Assert.That(
            await TestServer.ScalarAsync<string>($"SELECT workers FROM {Prefix}memories.builds"), Is.EqualTo(version < new Version(0, 8, 2) ? "0" : all));
        Assert.That(lines, Has.Some.StartsWith($"Built index {OnAll} of schema {Prefix}memories in 00:00:0"));
    }

    [TestCase(400, 2048, "64MB", Description = "the least")]
    [TestCase(200_000, 2048, "177031kB", Description = "824 bytes a memory and a tenth")]
    [TestCase(200_000, 100, "100MB", Description = "the most")]
    public async Task A_build_has_the_memory_that_its_graph_takes_up_to_the_most_that_is_allowed(long rows, long megabytes, string memory)
    {
        await DisableAutovacuumAsync();
        await FillAsync(400);
        await TestServer.ExecuteAsync($"ANALYZE {Table}");
        await TestServer.ExecuteAsync($"UPDATE pg_class SET reltuples = {rows} WHERE oid = '{Table}'::regclass");
        await RecordBuildsAsync();
        await using var store = NewMaintained(options =>
            (options.Indexes.Method, options.Indexes.MaxMemoryBytes) = (VectorIndexMethod.Hnsw, megabytes * 1024 * 1024));

        var report = await store.MaintainIndexesAsync();

        Assert.That((report.Rows, Find(report, OnAll).Action), Is.EqualTo((rows, IndexAction.Built)));
        Assert.That(await TestServer.ScalarAsync<string>($"SELECT memory FROM {Prefix}memories.builds"), Is.EqualTo(memory));
    }

    [Test]
    public async Task A_search_of_the_store_that_maintains_uses_the_index_at_once()
    {
        await FillAsync(3000);
        await Maintained.SearchAsync(new MemoryQuery("anything") { Mode = SearchMode.Vector });
        await Maintained.MaintainIndexesAsync();
        await Maintained.SearchAsync(new MemoryQuery("anything") { Mode = SearchMode.Vector });

        await Eventually.TrueAsync(async () => Find(await Maintained.MaintainIndexesAsync(), OnAll).Scans == 1, "the search is counted, and only that");
    }

    [Test]
    public async Task A_second_run_keeps_what_the_first_has_built()
    {
        await FillAsync(400);
        var first = Find(await Maintained.MaintainIndexesAsync(), OnAll);
        var file = await FileAsync();

        var second = Find(await Maintained.MaintainIndexesAsync(), OnAll);

        Assert.That(second.Action, Is.EqualTo(IndexAction.Kept));
        Assert.That((second.Effort, second.Recall), Is.EqualTo((first.Effort, first.Recall)).Using<(int?, double?)>((a, b) => a.Item1 == b.Item1 && Math.Abs(a.Item2!.Value - b.Item2!.Value) < 1e-6));
        Assert.That(second.BuildTime!.Value.TotalSeconds, Is.EqualTo(first.BuildTime!.Value.TotalSeconds).Within(1e-3), "it is remembered");
        Assert.That(await FileAsync(), Is.EqualTo(file));
        Assert.That(second.Scans, Is.Zero, "measuring is not searching");

        Task<uint> FileAsync() => TestServer.ScalarAsync<uint>($"SELECT relfilenode FROM pg_class WHERE oid = '{Prefix}memories.{OnAll}'::regclass");
    }

    [Test]
    public async Task A_type_that_is_a_small_part_has_an_index_of_its_own()
    {
        await FillAsync(1000);
        await FillAsync(150, "insight");
        await FillAsync(50, "agent");

        var report = await Maintained.MaintainIndexesAsync();

        Assert.That(await VectorIndexesAsync(), Is.EqualTo("memories_embedding memories_embedding_insight"));
        Assert.That(await DefinitionAsync("memories_embedding_insight"), Does.EndWith("WHERE (memory_type = 'insight'::text)"));
        var insight = Find(report, "memories_embedding_insight");
        Assert.Multiple(() =>
        {
            Assert.That((insight.Action, insight.Type, insight.Rows), Is.EqualTo((IndexAction.Built, (MemoryType?)MemoryType.Insight, 150L)));
            Assert.That(insight.Recall, Is.GreaterThanOrEqualTo(0.97));
            Assert.That(Find(report, "memories_embedding_rag").Reason, Does.Contain("83 % of all memories are of this type"));
            Assert.That(Find(report, "memories_embedding_agent").Reason, Does.Contain("50 memories of this type, below the threshold of 100"));
            Assert.That(report.Indexes.Select(index => index.Name), Has.None.EqualTo("memories_embedding_workflow"));
        });
        Assert.That((await UsableAsync()).Select(one => one.Type), Is.EqualTo(new MemoryType?[] { null, MemoryType.Insight }));
    }

    [Test]
    public async Task An_index_is_dropped_only_when_its_memories_are_far_below_the_threshold()
    {
        await FillAsync(1000);
        await FillAsync(150, "insight");
        await Maintained.MaintainIndexesAsync();

        await DeleteAsync("insight", keep: 60);
        Assert.That(Find(await Maintained.MaintainIndexesAsync(), "memories_embedding_insight").Action, Is.EqualTo(IndexAction.Kept));
        await DeleteAsync("insight", keep: 40);
        Assert.That(Find(await Maintained.MaintainIndexesAsync(), "memories_embedding_insight").Action, Is.EqualTo(IndexAction.Dropped));
        await DeleteAsync("rag", keep: 140);
        Assert.That(Find(await Maintained.MaintainIndexesAsync(), OnAll).Action, Is.EqualTo(IndexAction.Kept));
        await DeleteAsync("rag", keep: 100);
        Assert.That(Find(await Maintained.MaintainIndexesAsync(), OnAll).Action, Is.EqualTo(IndexAction.Dropped));

        Assert.That(await VectorIndexesAsync(), Is.Empty);
        Assert.That(await TestServer.ScalarAsync<long>($"SELECT count(*) FROM {Prefix}memories.vector_indexes"), Is.Zero);

        Task DeleteAsync(string type, int keep) => TestServer.ExecuteAsync(
            $"DELETE FROM {Table} WHERE memory_type = '{type}' AND id NOT IN (SELECT id FROM {Table} WHERE memory_type = '{type}' LIMIT {keep})");
    }

    [Test]
    public async Task Ivfflat_gets_its_lists_and_probes_from_the_rows()
    {
        await using var store = NewMaintained(options => options.Indexes.Method = VectorIndexMethod.IvfFlat);
        await FillAsync(3200);

        var index = Find(await store.MaintainIndexesAsync(), OnAll);

        Assert.That(await DefinitionAsync(OnAll), Does.Contain("USING ivfflat (embedding vector_cosine_ops) WITH (lists='3')"));
        Assert.That(index.Recall, Is.GreaterThanOrEqualTo(0.97));
        Assert.That(index.Effort, Is.InRange(1, 3));
        Assert.That((await UsableAsync())[0].Lists, Is.EqualTo(3));
    }

    [Test]
    public async Task Ivfflat_is_built_again_when_the_rows_have_outgrown_it()
    {
        await using var store = NewMaintained(options => options.Indexes.Method = VectorIndexMethod.IvfFlat);
        await FillAsync(1000);
        await store.MaintainIndexesAsync();
        await FillAsync(900);
        Assert.That(Find(await store.MaintainIndexesAsync(), OnAll).Action, Is.EqualTo(IndexAction.Kept), "not yet twice as many");
        await FillAsync(1200);

        var index = Find(await store.MaintainIndexesAsync(), OnAll);

        Assert.That(index.Action, Is.EqualTo(IndexAction.Rebuilt));
        Assert.That(index.Reason, Does.Contain("grew from 1,000 to 3,100 memories"));
        Assert.That(await DefinitionAsync(OnAll), Does.Contain("lists='3'"));
        Assert.That(await VectorIndexesAsync(), Is.EqualTo(OnAll));
    }

    [Test]
    public async Task Half_precision_is_an_index_on_the_expression_that_searches_order_by()
    {
        await using var store = NewMaintained(options => options.Indexes.HalfPrecision = true);
        await FillAsync(1000);
        await FillAsync(150, "insight");

        var index = Find(await store.MaintainIndexesAsync(), OnAll);

        Assert.That(await DefinitionAsync(OnAll), Does.Contain("USING hnsw (((embedding)::halfvec(8)) halfvec_cosine_ops)"));
        Assert.That(index.Recall, Is.GreaterThanOrEqualTo(0.97));
        Assert.That((await UsableAsync()).Select(one => one.HalfPrecision), Is.EqualTo(new[] { true, true }));
        Assert.That(Find(await store.MaintainIndexesAsync(), "memories_embedding_insight").Action, Is.EqualTo(IndexAction.Kept));
    }

    [Test]
    public async Task Another_graph_that_is_asked_for_is_built_and_takes_its_place()
    {
        await FillAsync(400);
        await Maintained.MaintainIndexesAsync();
        await using var store = NewMaintained(options => (options.Hnsw.M, options.Hnsw.EfConstruction) = (8, 32));

        var index = Find(await store.MaintainIndexesAsync(), OnAll);

        Assert.That(index.Action, Is.EqualTo(IndexAction.Rebuilt));
        Assert.That(index.Reason, Does.Contain("is hnsw (m 16, ef_construction 64), asked for is hnsw (m 8, ef_construction 32)"));
        Assert.That(await VectorIndexesAsync(), Is.EqualTo(OnAll));
    }

    [Test]
    public async Task Searches_never_lack_an_index_while_another_method_takes_its_place()
    {
        await FillAsync(3000);
        await Maintained.MaintainIndexesAsync();
        using var done = new CancellationTokenSource();
        var looks = 0;
        var looking = Task.Run(async () =>
        {
            while (!done.IsCancellationRequested)
            {
                Assert.That(await UsableAsync(), Has.Count.EqualTo(1), $"look {looks}");
                looks++;
            }
        });

        await using var ivfflat = NewMaintained(options => options.Indexes.Method = VectorIndexMethod.IvfFlat);
        for (var round = 0; round < 3; round++)
        {
            Assert.That(Find(await ivfflat.MaintainIndexesAsync(), OnAll).Method, Is.EqualTo(VectorIndexMethod.IvfFlat));
            Assert.That(Find(await Maintained.MaintainIndexesAsync(), OnAll).Method, Is.EqualTo(VectorIndexMethod.Hnsw));
        }

        await done.CancelAsync();
        await looking;
        Assert.That(looks, Is.GreaterThan(20));
        Assert.That(await VectorIndexesAsync(), Is.EqualTo(OnAll));
    }

    private sealed class Immediately(List<IndexProgress> seen) : IProgress<IndexProgress>
    {
        public void Report(IndexProgress value)
        {
            lock (seen)
                seen.Add(value);
        }
    }
}
