using System.Text.RegularExpressions;
using Npgsql;
using UnifiedMemory.Tests.Insights;

namespace UnifiedMemory.Tests.Migrations;

/// <summary>
/// What keeps it possible to spread the tables over several servers by their namespace (Citus and the like), to read from
/// standbys, and to stand behind a pooler: read from the catalogue of a migrated store, and from what its calls send.
/// </summary>
public sealed partial class SchemaRulesTests : StoreFixture
{
    /// <summary>The tables without a namespace. They are small, and about the store as a whole: each server has a copy.</summary>
    private static readonly string[] Registers = ["embedding_space", "schema_versions", "vector_indexes"];

    [Test]
    public async Task Every_table_has_a_namespace_except_the_registers_of_the_whole_store() =>
        Assert.That(await NamesAsync(
            """
            SELECT relname FROM pg_class WHERE relnamespace = {schema} AND relkind IN ('r', 'p')
                AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'namespace' AND attnotnull)
            """), Is.EquivalentTo(Registers));

    [Test]
    public async Task Every_table_has_a_primary_key_but_the_arrivals_and_the_migrators_own() =>
        Assert.That(await NamesAsync(
            """
            SELECT relname FROM pg_class WHERE relnamespace = {schema} AND relkind IN ('r', 'p')
                AND NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = pg_class.oid AND contype = 'p')
            """), Is.EquivalentTo(["insight_arrivals", "schema_versions"]));

    [Test]
    public async Task The_namespace_leads_every_primary_key_and_every_unique_index() =>
        Assert.That(await NamesAsync(
            """
            SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
            JOIN pg_attribute AS namespace ON namespace.attrelid = indrelid AND attname = 'namespace'
            WHERE relnamespace = {schema} AND indisunique AND indkey[0] <> namespace.attnum
            """), Is.Empty);

    [Test]
    public async Task The_namespace_leads_every_foreign_key_on_both_sides() =>
        Assert.That(await NamesAsync(
            """
            SELECT conname FROM pg_constraint
            WHERE connamespace = {schema} AND contype = 'f' AND NOT (
                EXISTS (SELECT FROM pg_attribute WHERE attrelid = conrelid AND attnum = conkey[1] AND attname = 'namespace')
                AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = confrelid AND attnum = confkey[1] AND attname = 'namespace'))
            """), Is.Empty);

    [Test]
    public async Task There_are_no_triggers_and_no_rules() =>
        Assert.That(await NamesAsync(
            """
            SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid WHERE relnamespace = {schema} AND NOT tgisinternal
            UNION ALL
            SELECT rulename FROM pg_rewrite JOIN pg_class ON pg_class.oid = ev_class WHERE relnamespace = {schema} AND rulename <> '_RETURN'
            """), Is.Empty);

    [Test]
    public async Task There_are_no_sequences_and_no_identity_columns() =>
        Assert.That(await NamesAsync(
            """
            SELECT relname FROM pg_class WHERE relnamespace = {schema} AND relkind = 'S'
            UNION ALL
            SELECT attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = {schema} AND attidentity <> ''
            """), Is.Empty);

    [Test]
    public async Task Times_have_a_time_zone_and_documents_are_jsonb() =>
        Assert.That(await NamesAsync(
            """
            SELECT relname || '.' || attname || ' ' || typname FROM pg_attribute
            JOIN pg_class ON pg_class.oid = attrelid AND relkind IN ('r', 'p') JOIN pg_type ON pg_type.oid = atttypid
            WHERE relnamespace = {schema} AND attnum > 0 AND typname IN ('timestamp', 'time', 'timetz', 'hstore', 'json', 'money')
            """), Is.EqualTo(["schema_versions.applied_on timestamp"]), "that one is made by FluentMigrator");

    [Test]
    public async Task No_call_depends_on_the_state_of_a_session()
    {
        var statements = await SentByEveryCallAsync();

        Assert.That(statements, Has.Some.Contains("SET LOCAL").And.Some.Contains("set_config"), "settings are seen by this test");
        Assert.That(statements.Where(text => NeedsSession().IsMatch(text)), Is.Empty);
    }

    [Test]
    public async Task A_namespace_never_changes()
    {
        var statements = await SentByEveryCallAsync();

        Assert.That(statements, Has.Some.Contains("UPDATE"), "updates are seen by this test");
        Assert.That(statements.Where(text => ChangesNamespace().IsMatch(text)), Is.Empty);
    }

    [TestCase("SET hnsw.ef_search = 1", true)]
    [TestCase("BEGIN;\nSET SESSION jit = off;", true)]
    [TestCase("SELECT set_config('jit', 'off', false)", true)]
    [TestCase("SELECT set_config('jit', 'off', true), set_config('hnsw.ef_search', $1, false)", true)]
    [TestCase("CREATE TEMP TABLE t ()", true)]
    [TestCase("LISTEN news", true)]
    [TestCase("SELECT pg_advisory_lock(1)", true)]
    [TestCase("BEGIN; SET LOCAL jit = off; UPDATE t SET listen = 1; COMMIT", false)]
    [TestCase("SELECT set_config('jit', 'off', true), set_config('hnsw.ef_search', $1, true)", false)]
    [TestCase("SELECT pg_try_advisory_xact_lock(1)", false)]
    public void What_needs_a_session_is_recognised(string sql, bool needs) => Assert.That(NeedsSession().IsMatch(sql), Is.EqualTo(needs));

    /// <summary>The statements of every call that a host makes while it works; migrating and maintaining have sessions of their own.</summary>
    private async Task<IReadOnlyList<string>> SentByEveryCallAsync()
    {
        var name = "rules " + Prefix;
        await using var store = NewStore(options => options.ApplicationName = name, sinks: [new RecordingSink()]);
        using var sent = new SentStatements(name);
        var stored = await store.StoreAsync(new NewMemory("one", MemoryType.Project) { SessionId = "s", Metadata = new() { ["n"] = 1 } });
        await store.StoreAsync(new NewMemory("one", MemoryType.Project) { SessionId = "s" });
        await store.StoreManyAsync(Enumerable.Range(0, 3).Select(i => new NewMemory($"few {i}", MemoryType.Rag)));
        await store.StoreManyAsync(Enumerable.Range(0, 100).Select(i => new NewMemory($"many {i}", MemoryType.Rag)));
        await store.StoreManyAsync(Enumerable.Range(50, 100).Select(i => new NewMemory($"many {i}", MemoryType.Rag)));
        foreach (var mode in Enum.GetValues<SearchMode>())
        {
            foreach (var exact in new[] { false, true })
            {
                await store.SearchAsync(new MemoryQuery("one") { Mode = mode, Exact = exact });
                await store.SearchAsync(new MemoryQuery("one")
                {
                    Mode = mode,
                    Exact = exact,
                    Namespace = MemoryFilter.AllNamespaces,
                    Types = [MemoryType.Project],
                    Tags = ["a"],
                    Metadata = MetadataFilter.Field("n").AtLeast(1),
                    Neighbours = 2,
                    IncludeNeighbours = true,
                });
            }
        }

        await store.UpdateAsync(stored.Id, new MemoryUpdate { Importance = 1 });
        await store.UpdateAsync(stored.Id, new MemoryUpdate { Content = "two" });
        await store.GetAsync(stored.Id);
        await store.CountAsync(new MemoryFilter());
        await ToListAsync(store.ListAsync(new MemoryFilter()));
        await store.GetStatisticsAsync();
        await store.StoreAsync(new NewMemory(Texts.With(Texts.Good), MemoryType.Rag));
        await store.StoreManyAsync(Enumerable.Range(0, 100).Select(i => new NewMemory(Texts.Numbered(i), MemoryType.Insight)));
        await store.UpdateAsync(stored.Id, new MemoryUpdate { Content = Texts.With(Texts.Numbered(200)) });
        await ToListAsync(store.ListQueuedInsightsAsync(new QueuedInsightFilter()));
        await store.DispatchPendingAsync();
        await store.GetInsightBacklogAsync();
        await store.RequeueInsightsAsync(new QueuedInsightFilter());
        await store.DiscardQueuedInsightsAsync(new QueuedInsightFilter());
        await store.StorePatternAsync(new ProjectPattern("retry", "shop", [], [], 0.5));
        await ToListAsync(store.ListPatternsAsync(new PatternFilter()));
        await store.AddDependencyAsync(new ProjectDependency("shop", "billing", ProjectDependencyType.Uses));
        await ToListAsync(store.ListDependenciesAsync(new DependencyFilter()));
        await store.RemoveDependencyAsync(new ProjectDependency("shop", "billing", ProjectDependencyType.Uses));
        await store.DeleteAsync(stored.Id);
        await store.DeleteManyAsync(new MemoryFilter());
        await store.PurgeExpiredAsync();
        return [.. sent.Take().Select(statement => statement.Text)];
    }

    private async Task<List<string>> NamesAsync(string sql)
    {
        var names = new List<string>();
        await using var connection = new NpgsqlConnection(TestServer.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql.Replace("{schema}", $"'{Prefix}memories'::regnamespace", StringComparison.Ordinal), connection);
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
            names.Add(reader.GetString(0));
        return names;
    }

    [GeneratedRegex(
        @"(^|;)\s*(SET\s+(?!LOCAL\b)|RESET\b|DISCARD\b|LISTEN\b|UNLISTEN\b|NOTIFY\b|PREPARE\b|DECLARE\b)|\bset_config\s*\((?!\s*'[^']*'\s*,\s*('[^']*'|\$\d+)\s*,\s*true\s*\))|\bpg_notify\s*\(|\bTEMP(ORARY)?\s+(TABLE|VIEW)|\bpg_(try_)?advisory_lock",
        RegexOptions.IgnoreCase)]
    private static partial Regex NeedsSession();

    [GeneratedRegex(@"\bUPDATE\b(?:(?!\bWHERE\b).)*?\bSET\b(?:(?!\bWHERE\b).)*?\bnamespace\s*=", RegexOptions.IgnoreCase | RegexOptions.Singleline)]
    private static partial Regex ChangesNamespace();
}
