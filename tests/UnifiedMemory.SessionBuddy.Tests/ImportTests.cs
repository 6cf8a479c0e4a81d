using System.Collections.Concurrent;
using UnifiedMemory.SessionBuddy;

namespace UnifiedMemory.Tests.SessionBuddy;

/// <summary>What Session-Buddy knew before, brought into the store once.</summary>
public sealed class ImportTests : StoreFixture
{
    private const string Rows =
        """
        INSERT INTO reflections_v2 (id, content, category, importance_score, tags, timestamp, project, insight_type, confidence_score, metadata, embedding)
        VALUES
            ('01A', 'The shop calls billing.', 'context', 0.9, ['shop', 'calls'], '2026-02-01 10:00:00', 'shop', NULL, NULL, NULL, NULL),
            ('01B', 'Always dump before you upgrade.', 'rules', 0.5, ['upgrade'], '2026-03-01 10:00:00', NULL, 'best_practice', 0.8,
                '{"quality_score": 0.7, "nested": {"a": [1, 2]}}', range(384)::FLOAT[384]),
            ('01C', '   ', 'context', 0.5, [], '2026-03-01 10:00:00', NULL, NULL, NULL, NULL, NULL);
        INSERT INTO conversations_v2 (id, content, category, project, session_id, timestamp, searchable_content)
        VALUES ('c1', 'We talked about the shop.', 'facts', 'shop', 'session 7', '2026-01-01 00:00:00', 'we talked about the shop');
        INSERT INTO intelligence_cross_project_patterns
        VALUES ('p1', 'migration', 'shop', '{"from": 15}', '["dump", "restore"]', 0.8, '2026-01-01', '2026-02-01', 3, '["postgres"]'),
               ('p2', 'broken', NULL, '{}', '{}', 7, '2026-01-01', NULL, 0, '[]');
        INSERT INTO project_groups VALUES ('g1', 'Shop', 'all that sells', ['shop', 'billing'], '2026-01-01', NULL);
        INSERT INTO project_dependencies
        VALUES ('d1', 'shop', 'billing', 'uses', 'invoices', '2026-01-01', '{"since": 2024}'), ('d2', 'shop', 'old', 'imitates', NULL, '2026-01-01', NULL);
        """;

    private static ReflectionDatabase NewFile() =>
        new(FileLayouts.Current, FileLayouts.CurrentConversations, FileLayouts.Projects, Rows);

    [Test]
    public async Task Everything_is_in_the_store_afterwards_and_the_report_says_what_became_of_it()
    {
        using var file = NewFile();

        var report = await new SessionBuddyFile(file.Path).ImportAsync(Store, "imported");

        Assert.That(report.Absent, Is.Empty);
        Assert.That(Figures(report), Is.EqualTo(new[]
        {
            "reflections_v2 3 2 0 1", "conversations_v2 1 1 0 0", "intelligence_cross_project_patterns 2 1 0 1", "project_groups 1 1 0 0",
            "project_dependencies 2 1 0 1",
        }));
        Assert.That(report.Tables.SelectMany(table => table.Rejections).Select(reason => reason.Split(':')[0]), Is.EqualTo(new[] { "01C", "p2", "d2" }));

        var memories = (await ToListAsync(Store.ListAsync(new MemoryFilter { Namespace = "imported" }))).ToDictionary(memory => memory.Content);
        var reflection = memories["The shop calls billing."];
        Assert.That((reflection.Type, reflection.Kind, reflection.SourceSystem), Is.EqualTo((MemoryType.Agent, "reflection", "session-buddy")));
        Assert.That((reflection.CreatedAt, reflection.Importance), Is.EqualTo((new DateTimeOffset(2026, 2, 1, 10, 0, 0, TimeSpan.Zero), 0.9)).Within(1e-6));
        Assert.That(reflection.Tags, Is.EqualTo(new[] { "shop", "calls", "project:shop" }));
        var insight = memories["Always dump before you upgrade."];
        Assert.That((insight.Type, insight.Kind), Is.EqualTo((MemoryType.Insight, "best_practice")));
        var details = insight.Metadata["session_buddy"]!;
        Assert.That(
            ((string?)details["id"], (string?)details["table"], (double)details["metadata"]!["nested"]!["a"]![1]!, details["embedding"]),
            Is.EqualTo(("01B", "reflections_v2", 2.0, (object?)null)));
        var conversation = memories["We talked about the shop."];
        Assert.That((conversation.Kind, conversation.SessionId), Is.EqualTo(("conversation", "session 7")));
        Assert.That(memories.Keys, Has.One.EqualTo("Project group Shop: shop, billing. all that sells"));

        var pattern = (await ToListAsync(Store.ListPatternsAsync(new PatternFilter { Namespace = "imported" }))).Single();
        Assert.That((pattern.PatternType, pattern.ApplicationCount, pattern.LastApplied), Is.EqualTo(("migration", 3, (DateTimeOffset?)new DateTimeOffset(2026, 2, 1, 0, 0, 0, TimeSpan.Zero))));
        Assert.That(pattern.Solution.ToJsonString(), Is.EqualTo("""{"value":["dump","restore"]}"""));
        var dependency = (await ToListAsync(Store.ListDependenciesAsync(new DependencyFilter { Namespace = "imported" }))).Single();
        Assert.That((dependency.Source, dependency.Target, dependency.Description), Is.EqualTo(("shop", "billing", "invoices")));
        Assert.That(await Store.SearchAsync(new MemoryQuery("upgrade") { Namespace = "imported", Mode = SearchMode.Text }), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task A_second_import_finds_everything_and_changes_nothing()
    {
        using var file = NewFile();
        await new SessionBuddyFile(file.Path).ImportAsync(Store);
        var before = await Store.CountAsync(new MemoryFilter());
        var embedded = Embeddings.Embedded.Count;

        var again = await new SessionBuddyFile(file.Path).ImportAsync(Store);

        Assert.That(Figures(again), Is.EqualTo(new[]
        {
            "reflections_v2 3 0 2 1", "conversations_v2 1 0 1 0", "intelligence_cross_project_patterns 2 0 1 1", "project_groups 1 0 1 0",
            "project_dependencies 2 0 1 1",
        }));
        Assert.That(await Store.CountAsync(new MemoryFilter()), Is.EqualTo(before));
        Assert.That(Embeddings.Embedded, Has.Count.EqualTo(embedded), "nothing is embedded again");
    }

    [Test]
    public async Task Former_layouts_are_read_and_tables_that_are_not_there_are_named()
    {
        using var file = new ReflectionDatabase(
            FileLayouts.Former(),
            """
            CREATE TABLE notes_reflections (id TEXT, content TEXT);
            INSERT INTO default_conversations (id, content, created_at, updated_at) VALUES ('c', 'An old talk.', '2025-01-01', '2025-01-01');
            INSERT INTO default_reflections (id, content, tags, created_at, updated_at, insight_type) VALUES ('r', 'An old note.', ['x'], '2025-01-01', '2025-01-01', NULL);
            INSERT INTO default_reflections (id, content, created_at, updated_at, confidence_score) VALUES ('i', 'An old insight.', '2025-01-01', '2025-01-01', 0.25);
            INSERT INTO notes_reflections VALUES ('n', 'A note of a collection.');
            """);

        var report = await new SessionBuddyFile(file.Path).ImportAsync(Store);

        Assert.That(Figures(report), Is.EqualTo(new[] { "default_reflections 2 2 0 0", "notes_reflections 1 1 0 0", "default_conversations 1 1 0 0" }));
        Assert.That(report.Absent, Is.EqualTo(new[] { "intelligence_cross_project_patterns", "project_groups", "project_dependencies" }));
        var insight = (await ToListAsync(Store.ListAsync(new MemoryFilter { Types = [MemoryType.Insight] }))).Single();
        Assert.That((insight.Content, insight.Kind, insight.Importance), Is.EqualTo(("An old insight.", "general", 0.25)));
    }

    [Test]
    public async Task What_came_from_this_store_does_not_come_back()
    {
        using var file = new ReflectionDatabase(FileLayouts.Current);
        var own = await Store.StoreAsync(new NewMemory("Always mention Human: with care.", MemoryType.Insight));
        await using var sink = new SessionBuddySink(new SessionBuddyOptions { FileUse = SessionBuddyFileUse.Only, FilePath = file.Path });
        foreach (var id in new[] { own.Id, Guid.CreateVersion7() })
            await sink.DeliverAsync(new Insight(id, "default", $"Always mention Human: with care{(id == own.Id ? "" : ", said another store")}.", InsightType.General, 1, DateTimeOffset.UnixEpoch), default);

        await Store.UpdateAsync(own.Id, new MemoryUpdate { Content = "Never mention it." });

        var report = await new SessionBuddyFile(file.Path).ImportAsync(Store);

        Assert.That(Figures(report), Is.EqualTo(new[] { "reflections_v2 2 1 1 0" }));
        Assert.That((await ToListAsync(Store.ListAsync(new MemoryFilter()))).Select(memory => memory.Content), Is.EquivalentTo(new[]
        {
            "Never mention it.", "Always mention Human: with care, said another store.",
        }), "as it was, without word joiners");
    }

    [Test]
    public async Task Word_joiners_in_what_others_wrote_stay()
    {
        const string text = "A\u2060B and C\u2060\u2060D";
        using var file = new ReflectionDatabase(
            FileLayouts.Current, $"INSERT INTO reflections_v2 (id, content, category, tags) VALUES ('r', '{text}', 'context', ['x'])");

        await new SessionBuddyFile(file.Path).ImportAsync(Store);

        Assert.That((await ToListAsync(Store.ListAsync(new MemoryFilter()))).Single().Content, Is.EqualTo(text));
    }

    [Test]
    public async Task Many_rows_are_streamed_with_progress()
    {
        using var file = new ReflectionDatabase(
            FileLayouts.Current, "INSERT INTO reflections_v2 (id, content, category) SELECT 'r' || i, 'reflection number ' || i, 'context' FROM range(3000) AS t(i)");
        var seen = new ConcurrentQueue<SessionBuddyImportTable>();

        var report = await new SessionBuddyFile(file.Path).ImportAsync(Store, progress: new Reports(seen));

        Assert.That(report.Tables.Single().Created, Is.EqualTo(3000));
        Assert.That(seen.Select(table => table.Created), Is.Ordered.And.Member(500L).And.Member(3000L));
        Assert.That(Store.CountAsync(new MemoryFilter()).Result, Is.EqualTo(3000));
    }

    [Test]
    public async Task Rows_that_are_stored_in_several_calls_add_up_and_a_reason_has_its_row()
    {
        using var file = new ReflectionDatabase(
            FileLayouts.Current,
            """
            INSERT INTO reflections_v2 (id, content, category)
            SELECT 'r' || i, CASE WHEN i IN (7, 6000, 10001) THEN ' ' ELSE 'reflection number ' || i % 10000 END, 'context' FROM range(10002) AS t(i)
            """);
        var seen = new ConcurrentQueue<SessionBuddyImportTable>();

        var report = await new SessionBuddyFile(file.Path).ImportAsync(Store, progress: new Reports(seen));

        Assert.That(Figures(report), Is.EqualTo(new[] { "reflections_v2 10002 9998 1 3" }));
        Assert.That(report.Tables.Single().Rejections.Select(reason => reason.Split(':')[0]), Is.EqualTo(new[] { "r7", "r6000", "r10001" }));
        Assert.That(seen.Select(table => table.Created), Is.Ordered);
    }

    [Test]
    public async Task A_file_that_another_process_reads_can_be_imported()
    {
        using var file = NewFile();
        using (await FileHolder.StartAsync(file.Path + ";access_mode=READ_ONLY"))
            Assert.That((await new SessionBuddyFile(file.Path).ImportAsync(Store)).Tables, Has.Count.EqualTo(5));
    }

    [Test]
    public async Task A_file_that_is_in_use_or_missing_is_said()
    {
        using var file = NewFile();
        using (await FileHolder.StartAsync(file.Path))
        {
            Assert.That(
                async () => await new SessionBuddyFile(file.Path).ImportAsync(Store),
                Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contain("is in use").And.Property(nameof(UnifiedMemoryException.IsTransient)).True);
        }

        Assert.That(
            async () => await new SessionBuddyFile(file.Path + ".other").ImportAsync(Store),
            Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contain("There is no file").And.Property(nameof(UnifiedMemoryException.IsTransient)).False);
    }

    private static IEnumerable<string> Figures(SessionBuddyImport report) =>
        report.Tables.Select(table => $"{table.Table} {table.Read} {table.Created} {table.AlreadyStored} {table.Rejected}");

    private sealed class Reports(ConcurrentQueue<SessionBuddyImportTable> seen) : IProgress<SessionBuddyImportTable>
    {
        public void Report(SessionBuddyImportTable value) => seen.Enqueue(value);
    }
}
