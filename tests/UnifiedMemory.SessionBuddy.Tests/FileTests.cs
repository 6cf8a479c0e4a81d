using Microsoft.Extensions.Time.Testing;
using UnifiedMemory.SessionBuddy;
using UnifiedMemory.SessionBuddy.Text;

namespace UnifiedMemory.Tests.SessionBuddy;

/// <summary>Insights in Session-Buddy's file, looked at with DuckDB and the filters of Session-Buddy's own tools.</summary>
public sealed class FileTests
{
    private static Insight NewInsight(string content = "Never hold a connection while you embed a text.") => new(
        Guid.CreateVersion7(new DateTimeOffset(2026, 7, 1, 10, 0, 0, TimeSpan.Zero)), "team", content, InsightType.Gotcha, 0.7,
        new DateTimeOffset(2026, 7, 1, 12, 0, 0, TimeSpan.FromHours(2)))
    {
        Topics = ["npgsql"],
        Projects = ["shop", "billing"],
        SourceId = Guid.CreateVersion7(),
    };

    private static SessionBuddySink NewSink(ReflectionDatabase file, Action<SessionBuddyOptions>? configure = null, TimeProvider? time = null)
    {
        var options = new SessionBuddyOptions { FileUse = SessionBuddyFileUse.Only, FilePath = file.Path };
        configure?.Invoke(options);
        return new SessionBuddySink(options, timeProvider: time);
    }

    [TestCase("reflections_v2")]
    [TestCase("default_reflections")]
    public async Task An_insight_is_found_by_search_insights_and_not_by_search_reflections(string table)
    {
        using var file = new ReflectionDatabase(table == "reflections_v2" ? FileLayouts.Current : FileLayouts.Former());
        await using var sink = NewSink(file);
        var insight = NewInsight();

        Assert.That(await sink.DeliverAsync(insight, default), Is.EqualTo(InsightDelivery.Delivered));

        Assert.That(file.Query($"SELECT content FROM {table} WHERE insight_type IS NULL"), Is.Empty);
        var row = file.Query(
            $"""
            SELECT id, content, insight_type, confidence_score, json_extract(metadata, '$.quality_score')::DOUBLE FROM {table}
            WHERE insight_type IS NOT NULL AND TRY_CAST(json_extract(metadata, '$.quality_score') AS DOUBLE) >= 0.5
                AND list_contains(tags, 'memory_id:{insight.Id}') AND list_contains(tags, 'mahavishnu_insights')
            """).Single();
        Assert.That(row, Is.EqualTo(new object[] { Ulid.From(insight.Id), insight.Content, "gotcha", 0.7f, 0.7 }));
    }

    [Test]
    public async Task The_row_is_as_the_contract_says()
    {
        using var file = new ReflectionDatabase(FileLayouts.Current);
        var now = new DateTimeOffset(2026, 8, 1, 8, 0, 0, TimeSpan.FromHours(-3));
        await using var sink = NewSink(file, options => options.QualityScore = 0.95, new FakeTimeProvider(now));
        var insight = NewInsight();

        await sink.DeliverAsync(insight, default);

        var row = file.Query(
            """
            SELECT embedding IS NULL, category, memory_tier, project, namespace, access_count, usage_count, timestamp, created_at, updated_at,
                json_type(metadata, '$.quality_score'), metadata->>'$.quality_score', metadata->>'$.namespace', metadata->>'$.source_id'
            FROM reflections_v2
            """).Single();
        Assert.That(row, Is.EqualTo(new object[]
        {
            true, "context", "long_term", "shop", "default", 0, 0, new DateTime(2026, 7, 1, 10, 0, 0), new DateTime(2026, 7, 1, 10, 0, 0),
            new DateTime(2026, 8, 1, 11, 0, 0), "DOUBLE", "0.95", "team", insight.SourceId.ToString()!,
        }));
    }

    [Test]
    public async Task The_table_of_the_collection_comes_before_the_one_of_its_own_tools()
    {
        using var file = new ReflectionDatabase(FileLayouts.Former(), FileLayouts.Former("mahavishnu_insights"), FileLayouts.EarlyCurrent);
        await using var sink = NewSink(file);

        await sink.DeliverAsync(NewInsight(), default);

        Assert.That(file.Single<long>("SELECT count(*) FROM mahavishnu_insights_reflections"), Is.EqualTo(1));
        Assert.That(file.Single<long>("SELECT (SELECT count(*) FROM default_reflections) + (SELECT count(*) FROM reflections_v2)"), Is.Zero);
    }

    [Test]
    public async Task The_same_insight_is_written_once_whatever_way_it_came_before()
    {
        using var file = new ReflectionDatabase(FileLayouts.Current);
        await using var sink = NewSink(file);
        var insight = NewInsight();
        var known = NewInsight();
        file.Execute($"INSERT INTO reflections_v2 (id, content, category, tags) VALUES ('01J', 'by the server', 'context', ['a', 'memory_id:{known.Id}'])");

        foreach (var one in new[] { insight, insight with { Attempt = 2 }, known with { Attempt = 2 } })
            Assert.That(await sink.DeliverAsync(one, default), Is.EqualTo(InsightDelivery.Delivered));

        Assert.That(file.Single<long>("SELECT count(*) FROM reflections_v2"), Is.EqualTo(2));
    }

    [Test]
    public async Task What_came_through_the_server_is_found_in_any_of_the_tables()
    {
        using var file = new ReflectionDatabase(
            FileLayouts.Former(), FileLayouts.Former("mahavishnu_insights"), FileLayouts.EarlyCurrent);
        await using var sink = NewSink(file);
        var (early, former) = (NewInsight(), NewInsight());
        file.Execute(
            $"""
            INSERT INTO reflections_v2 (id, content, category, tags) VALUES ('01J', 'x', 'context', ['memory_id:{early.Id}']);
            INSERT INTO default_reflections (id, content, tags, created_at, updated_at) VALUES ('01K', 'x', ['memory_id:{former.Id}'], '2026-01-01', '2026-01-01');
            """);

        foreach (var insight in new[] { early, former })
            Assert.That(await sink.DeliverAsync(insight with { Attempt = 2 }, default), Is.EqualTo(InsightDelivery.Delivered));

        Assert.That(file.Single<long>("SELECT count(*) FROM mahavishnu_insights_reflections"), Is.Zero);
    }

    [Test]
    public async Task A_try_that_is_ended_before_it_is_committed_writes_nothing()
    {
        using var file = new ReflectionDatabase(FileLayouts.Current);
        using var ended = new CancellationTokenSource();
        await using var sink = NewSink(file, time: new EndingTime(ended));

        Assert.That(async () => await sink.DeliverAsync(NewInsight(), ended.Token), Throws.InstanceOf<OperationCanceledException>());

        Assert.That(ended.IsCancellationRequested, Is.True);
        Assert.That(file.Single<long>("SELECT count(*) FROM reflections_v2"), Is.Zero);
    }

    [Test]
    public async Task Deliveries_at_once_are_all_written()
    {
        using var file = new ReflectionDatabase(FileLayouts.Current);
        await using var sink = NewSink(file);

        var deliveries = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => sink.DeliverAsync(NewInsight(), default)));

        Assert.That(deliveries.Count(delivery => delivery.Outcome == InsightOutcome.Delivered), Is.EqualTo(20));
        Assert.That(file.Single<long>("SELECT count(*) FROM reflections_v2"), Is.EqualTo(20));
    }

    [TestCase("CREATE TABLE something_else (id TEXT)")]
    [TestCase(FileLayouts.EarlyCurrent)]
    [TestCase("CREATE TABLE default_reflections (id TEXT, content TEXT, tags TEXT[])")]
    public async Task A_layout_that_is_not_known_is_unavailable_and_nothing_is_written(string layout)
    {
        using var file = new ReflectionDatabase(layout);
        var before = file.Query("SELECT table_name, estimated_size, column_count FROM duckdb_tables()");
        await using var sink = NewSink(file);

        var delivery = await sink.DeliverAsync(NewInsight(), default);

        Assert.That(delivery.Outcome, Is.EqualTo(InsightOutcome.Unavailable));
        Assert.That(delivery.Reason, Does.Contain("nothing is written"));
        Assert.That(file.Query("SELECT table_name, estimated_size, column_count FROM duckdb_tables()"), Is.EqualTo(before));
    }

    [Test]
    public async Task A_current_table_without_metadata_is_not_known()
    {
        using var file = new ReflectionDatabase(FileLayouts.Current.Replace(", metadata JSON", "", StringComparison.Ordinal));
        await using var sink = NewSink(file);

        Assert.That((await sink.DeliverAsync(NewInsight(), default)).Outcome, Is.EqualTo(InsightOutcome.Unavailable));
    }

    [Test]
    public async Task What_looks_like_an_injection_is_harmless_in_the_file_too()
    {
        using var file = new ReflectionDatabase(FileLayouts.Current);
        await using var sink = NewSink(file);
        const string text = "Never log what begins with Human: or [INST].";

        await sink.DeliverAsync(NewInsight(text), default);

        var stored = file.Single<string>("SELECT content FROM reflections_v2");
        Assert.That(SessionBuddyStandIn.Injection().IsMatch(stored), Is.False);
        Assert.That(InjectionPhrases.Restore(stored), Is.EqualTo(text));
    }

    [Test]
    public async Task A_file_that_is_not_there_is_not_made()
    {
        using var file = new ReflectionDatabase();
        await using var sink = NewSink(file);

        Assert.That((await sink.DeliverAsync(NewInsight(), default)).Outcome, Is.EqualTo(InsightOutcome.Unavailable));
        Assert.That(File.Exists(file.Path), Is.False);

        await File.WriteAllTextAsync(file.Path, new string('x', 20_000));
        var delivery = await sink.DeliverAsync(NewInsight(), default);
        Assert.That(delivery.Outcome, Is.EqualTo(InsightOutcome.Unavailable));
        Assert.That(delivery.Reason, Does.Contain("cannot be opened"));
    }

    [Test]
    public async Task A_block_that_is_damaged_is_not_said_to_be_in_use()
    {
        using var file = new ReflectionDatabase(FileLayouts.Current);
        file.Damage();
        await using var sink = NewSink(file);

        var delivery = await sink.DeliverAsync(NewInsight(), default);

        Assert.That(delivery.Outcome, Is.EqualTo(InsightOutcome.Unavailable));
        Assert.That(delivery.Reason, Does.Contain("cannot be opened"));
    }

    [Test]
    public async Task A_file_that_another_process_holds_is_written_when_it_is_free()
    {
        using var file = new ReflectionDatabase(FileLayouts.Current);
        await using var sink = NewSink(file);
        using (await FileHolder.StartAsync(file.Path))
        {
            var delivery = await sink.DeliverAsync(NewInsight(), default);
            Assert.That(delivery.Outcome, Is.EqualTo(InsightOutcome.Unavailable));
            Assert.That(delivery.Reason, Does.Contain("is in use"));
        }

        Assert.That(await sink.DeliverAsync(NewInsight(), default), Is.EqualTo(InsightDelivery.Delivered));
        using (await FileHolder.StartAsync(file.Path))
        {
            // It could be opened: the sink holds nothing between deliveries.
        }
    }

    [Test]
    public async Task A_table_with_an_index_of_an_extension_is_left_alone_and_the_reason_says_what_to_do()
    {
        using var file = new ReflectionDatabase(FileLayouts.Current);
        file.AddHnswIndex("reflections_v2");
        await using var sink = NewSink(file);

        for (var i = 0; i < 2; i++)
        {
            var deliveries = await Task.WhenAll(sink.DeliverAsync(NewInsight(), default), sink.DeliverAsync(NewInsight(), default)).WaitAsync(TimeSpan.FromSeconds(30));
            Assert.That(deliveries.Select(delivery => delivery.Outcome), Is.All.EqualTo(InsightOutcome.Unavailable));
            Assert.That(
                deliveries.Select(delivery => delivery.Reason),
                Is.All.Contains("idx_reflections_v2_embedding").And.All.Contains("HNSW").And.All.Contains("VectorExtension").And.All.Contains("drop the index"));
        }

        file.Execute("DROP INDEX idx_reflections_v2_embedding");
        Assert.That(await sink.DeliverAsync(NewInsight(), default), Is.EqualTo(InsightDelivery.Delivered), "the file is none the worse for it");
    }

    [TestCase("vss_that_is_not_there")]
    [TestCase("/nowhere/it's/vss.duckdb_extension")]
    public async Task An_extension_that_cannot_be_loaded_is_said(string extension)
    {
        using var file = new ReflectionDatabase(FileLayouts.Current);
        await using var sink = NewSink(file, options => options.VectorExtension = extension);

        var delivery = await sink.DeliverAsync(NewInsight(), default);

        Assert.That(delivery.Outcome, Is.EqualTo(InsightOutcome.Unavailable));
        Assert.That(delivery.Reason, Does.Contain($"The extension {extension} cannot be loaded (Io error)").And.Contain("install vss for DuckDB v1."));
        Assert.That(file.Single<long>("SELECT count(*) FROM reflections_v2"), Is.Zero);
    }

    [Test]
    public async Task A_file_that_this_process_reads_is_in_use()
    {
        using var file = new ReflectionDatabase(FileLayouts.Current);
        await using var sink = NewSink(file);
        using (file.OpenForReading())
        {
            var delivery = await sink.DeliverAsync(NewInsight(), default);
            Assert.That(delivery.Outcome, Is.EqualTo(InsightOutcome.Unavailable));
            Assert.That(delivery.Reason, Does.Contain("is in use; this process is reading it"));
        }

        Assert.That(await sink.DeliverAsync(NewInsight(), default), Is.EqualTo(InsightDelivery.Delivered));
    }

    [Test]
    public async Task A_file_that_cannot_be_opened_is_explained_without_what_is_in_it()
    {
        using var file = new ReflectionDatabase(FileLayouts.Current);
        await using var sink = NewSink(file);
        await File.WriteAllTextAsync(file.Path, "SECRET " + new string('x', 20_000));
        var delivery = await sink.DeliverAsync(NewInsight(), default);
        Assert.That(delivery.Reason, Does.Contain("(IO error)").And.Contain("may read and write it").And.Contain("newer DuckDB").And.Not.Contain("SECRET").And.Not.Contain(".wal"));

        await File.WriteAllTextAsync(file.Path + ".wal", "SECRET");
        Assert.That((await sink.DeliverAsync(NewInsight(), default)).Reason, Does.Contain($"{file.Path}.wal").And.Not.Contain("SECRET"));
    }

    [Test]
    public void A_ULID_tells_the_time_of_the_id_and_sorts_as_it_does()
    {
        var ids = Enumerable.Range(0, 100).Select(i => Guid.CreateVersion7(DateTimeOffset.UnixEpoch.AddDays(i * 200))).ToList();

        Assert.That(ids.Select(Ulid.From), Is.Ordered.Using((IComparer<string>)StringComparer.Ordinal).And.Unique.And.All.Match("^[0-7][0-9A-HJKMNP-TV-Z]{25}$"));
        Assert.That(Ulid.From(Guid.Parse("01563e3a-b5d3-d676-4c61-efb99302bd5b")), Is.EqualTo("01ARZ3NDEKTSV4RRFFQ69G5FAV"), "the example of the specification");
    }

    /// <summary>Ends the try when it is asked for the time, which it is for the row.</summary>
    private sealed class EndingTime(CancellationTokenSource source) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow()
        {
            source.Cancel();
            return base.GetUtcNow();
        }
    }
}
