using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using UnifiedMemory.SessionBuddy;

namespace UnifiedMemory.Tests.SessionBuddy;

/// <summary>Patterns and dependencies of the store in Session-Buddy's tables.</summary>
public sealed class ExportTests : StoreFixture
{
    private static readonly ProjectPattern Pattern = new("migration", "shop", new() { ["from"] = 15 }, new() { ["step"] = "dump" }, 0.75)
    {
        Tags = ["postgres"],
        CreatedAt = new DateTimeOffset(2026, 5, 1, 12, 0, 0, TimeSpan.FromHours(2)),
    };

    [SetUp]
    public async Task StoreProjectsAsync()
    {
        await Store.StorePatternAsync(Pattern);
        await Store.AddDependencyAsync(new ProjectDependency("shop", "billing", ProjectDependencyType.Uses) { Description = "invoices" });
        await Store.AddDependencyAsync(new ProjectDependency("shop", "core", ProjectDependencyType.SharesCode) { Namespace = "team" });
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task They_are_there_as_Session_Buddy_keeps_them(bool tablesExist)
    {
        using var file = new ReflectionDatabase(tablesExist ? FileLayouts.Current + FileLayouts.Projects : FileLayouts.Current);

        var export = await new SessionBuddyFile(file.Path).ExportProjectsAsync(Store);

        Assert.That(export, Is.EqualTo(new SessionBuddyExport(1, 2, 2)));
        Assert.That(
            file.Query(
                """
                SELECT pattern_type, project_id, context_snapshot->>'$.from', solution_snapshot->>'$.step', outcome_score, created_at, last_applied, application_count, tags->>'$[0]'
                FROM intelligence_cross_project_patterns
                """).Single(),
            Is.EqualTo(new object?[] { "migration", "shop", "15", "dump", 0.75f, new DateTime(2026, 5, 1, 10, 0, 0), null, 0, "postgres" }));
        Assert.That(
            file.Query("SELECT source_project, target_project, dependency_type, description FROM project_dependencies ORDER BY target_project"),
            Is.EqualTo(new[] { new object?[] { "shop", "billing", "uses", "invoices" }, ["shop", "core", "shares_code", null] }));
        Assert.That(
            file.Query("SELECT name, array_to_string(projects, ' ') FROM project_groups ORDER BY name"),
            Is.EqualTo(new[] { new object?[] { "default", "billing shop" }, ["team", "core shop"] }));
    }

    [Test]
    public async Task A_further_export_brings_rows_up_to_date_and_leaves_those_of_Session_Buddy()
    {
        using var file = new ReflectionDatabase(
            FileLayouts.Current,
            FileLayouts.Projects,
            "INSERT INTO project_dependencies (id, source_project, target_project, dependency_type, description) VALUES ('own', 'shop', 'billing', 'uses', 'its own')");
        var sessionBuddy = new SessionBuddyFile(file.Path);
        await sessionBuddy.ExportProjectsAsync(Store);
        await Store.StorePatternAsync(Pattern with { OutcomeScore = 0.5, ApplicationCount = 2, LastApplied = DateTimeOffset.UnixEpoch });
        await Store.AddDependencyAsync(new ProjectDependency("billing", "bank", ProjectDependencyType.References));

        await sessionBuddy.ExportProjectsAsync(Store);

        Assert.That(
            file.Query("SELECT outcome_score, application_count, last_applied FROM intelligence_cross_project_patterns").Single(),
            Is.EqualTo(new object[] { 0.5f, 2, new DateTime(1970, 1, 1) }));
        Assert.That(
            file.Query("SELECT description FROM project_dependencies WHERE target_project = 'billing'").Single().Single(), Is.EqualTo("its own"));
        Assert.That(file.Single<string>("SELECT array_to_string(projects, ' ') FROM project_groups WHERE name = 'default'"), Is.EqualTo("bank billing shop"));
        Assert.That(file.Single<long>("SELECT count(*) FROM project_dependencies"), Is.EqualTo(3));
    }

    [Test]
    public async Task What_is_exported_and_imported_again_is_the_same()
    {
        using var file = new ReflectionDatabase(FileLayouts.Current);
        await new SessionBuddyFile(file.Path).ExportProjectsAsync(Store);

        var report = await new SessionBuddyFile(file.Path).ImportAsync(Store);

        Assert.That(report.Tables.Single(table => table.Table == "intelligence_cross_project_patterns").AlreadyStored, Is.EqualTo(1));
        Assert.That(await ToListAsync(Store.ListPatternsAsync(new PatternFilter { Namespace = MemoryFilter.AllNamespaces })), Has.Count.EqualTo(1));
        Assert.That(report.Tables.Single(table => table.Table == "project_groups").AlreadyStored, Is.EqualTo(2));
        Assert.That(await Store.CountAsync(new MemoryFilter()), Is.Zero, "groups that were exported are no memories");
    }

    [Test]
    public async Task What_was_exported_does_not_come_back_into_another_namespace()
    {
        using var file = new ReflectionDatabase(FileLayouts.Current);
        var sessionBuddy = new SessionBuddyFile(file.Path);
        await sessionBuddy.ExportProjectsAsync(Store);

        var report = await sessionBuddy.ImportAsync(Store, "imported");
        await sessionBuddy.ExportProjectsAsync(Store);

        Assert.That(
            report.Tables.Select(table => $"{table.Table} {table.Created} {table.AlreadyStored}"),
            Is.EqualTo(new[] { "reflections_v2 0 0", "intelligence_cross_project_patterns 0 1", "project_groups 0 2", "project_dependencies 0 2" }));
        Assert.That(file.Single<long>("SELECT count(*) FROM intelligence_cross_project_patterns"), Is.EqualTo(1));
        Assert.That(file.Single<long>("SELECT count(*) FROM project_groups"), Is.EqualTo(2));
    }

    [Test]
    public async Task Stores_that_share_a_file_share_the_groups_in_it()
    {
        using var file = new ReflectionDatabase(
            FileLayouts.Current,
            FileLayouts.Projects,
            "INSERT INTO project_groups VALUES ('unifiedmemory:default', 'default', NULL, ['shop', 'web'], '2026-01-01', NULL)");

        await new SessionBuddyFile(file.Path).ExportProjectsAsync(Store);

        Assert.That(file.Single<string>("SELECT array_to_string(projects, ' ') FROM project_groups WHERE name = 'default'"), Is.EqualTo("billing shop web"));
    }

    [Test]
    public async Task A_file_that_this_process_reads_is_waited_for()
    {
        using var file = new ReflectionDatabase(FileLayouts.Current);
        using (file.OpenForReading())
        {
            Assert.That(
                async () => await new SessionBuddyFile(file.Path).ExportProjectsAsync(Store),
                Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contains("this process is reading it").And.Property(nameof(UnifiedMemoryException.IsTransient)).True);
        }

        Assert.That(await new SessionBuddyFile(file.Path).ExportProjectsAsync(Store), Is.EqualTo(new SessionBuddyExport(1, 2, 2)));
    }

    [Test]
    public async Task An_index_of_an_extension_on_another_table_is_no_obstacle()
    {
        using var file = new ReflectionDatabase(FileLayouts.Current);
        file.AddHnswIndex("reflections_v2");

        await new SessionBuddyFile(file.Path).ExportProjectsAsync(Store);

        Assert.That(file.Single<long>("SELECT count(*) FROM project_dependencies"), Is.EqualTo(2));
        Assert.That(file.Single<string>("SELECT sql FROM duckdb_indexes()"), Does.Contain("HNSW"), "it is there as it was");
    }

    [Test]
    public async Task What_is_imported_and_exported_again_is_in_the_file_once_and_as_it_was()
    {
        using var file = new ReflectionDatabase(
            FileLayouts.Current,
            FileLayouts.Projects,
            """
            INSERT INTO intelligence_cross_project_patterns
            VALUES ('p1', 'migration', 'shop', '{ "to": [1.50, "x"],  "from": 1e1 }', '["dump", "restore"]', 0.8, '2026-01-01', NULL, 3, '["postgres"]'),
                   ('p2', 'twice', NULL, '{"a": 1, "a": 2}', '{}', 0.5, '2026-01-01', NULL, 0, '[]');
            """);
        var sessionBuddy = new SessionBuddyFile(file.Path);
        await sessionBuddy.ImportAsync(Store);

        for (var i = 0; i < 2; i++)
            await sessionBuddy.ExportProjectsAsync(Store);

        Assert.That(
            file.Query("SELECT id, application_count FROM intelligence_cross_project_patterns WHERE pattern_type = 'migration' AND (context_snapshot->>'$.to') IS NOT NULL").Single(),
            Is.EqualTo(new object[] { "p1", 3 }));
        Assert.That(
            file.Single<long>("SELECT count(*) FROM intelligence_cross_project_patterns WHERE (solution_snapshot->>'$.step') = 'dump'"), Is.EqualTo(1), "the store's own is there");
    }

    [Test]
    public async Task A_host_exports_where_the_file_is_used_and_waits_while_it_is_in_use()
    {
        using var file = new ReflectionDatabase(FileLayouts.Current);
        var lines = new List<string>();
        var builder = Host.CreateApplicationBuilder();
        builder.Services.AddLogging(logging => logging.AddProvider(new ListLogger(lines)).SetMinimumLevel(LogLevel.Debug));
        builder.Services.AddUnifiedMemory(options => (options.ConnectionString, options.SchemaPrefix) = (TestServer.ConnectionString, Prefix))
            .UseEmbeddingProvider(_ => Embeddings)
            .AddSessionBuddy(options =>
                (options.FileUse, options.FilePath, options.ExportInterval) = (SessionBuddyFileUse.WhenServerIsDown, file.Path, TimeSpan.FromSeconds(1)));
        using var host = builder.Build();
        using (await FileHolder.StartAsync(file.Path))
        {
            await host.StartAsync();
            await Eventually.TrueAsync(() => Has("are not exported now"), "the file is found in use");
        }

        await Eventually.TrueAsync(() => Has("Exported 1 patterns, 2 dependencies and 2 groups"), "the file is written when it is free");
        await host.StopAsync();
        Assert.That(file.Single<long>("SELECT count(*) FROM intelligence_cross_project_patterns"), Is.EqualTo(1));

        bool Has(string text)
        {
            lock (lines)
                return lines.Any(line => line.Contains(text, StringComparison.Ordinal));
        }
    }

    [Test]
    public async Task A_table_with_other_columns_is_an_error_and_nothing_is_written()
    {
        using var file = new ReflectionDatabase(FileLayouts.Current, "CREATE TABLE project_dependencies (id TEXT PRIMARY KEY, something TEXT)");

        Assert.That(
            async () => await new SessionBuddyFile(file.Path).ExportProjectsAsync(Store),
            Throws.InstanceOf<UnifiedMemoryException>().With.Property(nameof(UnifiedMemoryException.IsTransient)).False);
        Assert.That(
            file.Query("SELECT table_name FROM duckdb_tables() ORDER BY ALL").Select(row => row.Single()), Is.EqualTo(new[] { "project_dependencies", "reflections_v2" }));
        await Task.CompletedTask;
    }

    [Test]
    public void A_file_that_is_damaged_is_not_waited_for()
    {
        using var file = new ReflectionDatabase(FileLayouts.Current);
        file.Damage();

        Assert.That(
            async () => await new SessionBuddyFile(file.Path).ExportProjectsAsync(Store),
            Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contains("cannot be opened").And.Property(nameof(UnifiedMemoryException.IsTransient)).False);
    }

    [Test]
    public void A_file_that_is_none_of_Session_Buddy_is_left_alone()
    {
        using var file = new ReflectionDatabase("CREATE TABLE something_else (id TEXT)");

        Assert.That(
            async () => await new SessionBuddyFile(file.Path).ExportProjectsAsync(Store),
            Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contains("nothing is written").And.Property(nameof(UnifiedMemoryException.IsTransient)).False);
        Assert.That(file.Query("SELECT table_name FROM duckdb_tables()").Single().Single(), Is.EqualTo("something_else"));
    }
}
