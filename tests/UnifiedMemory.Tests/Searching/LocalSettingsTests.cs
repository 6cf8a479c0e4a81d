using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using UnifiedMemory.Postgres;
using UnifiedMemory.Searching;

namespace UnifiedMemory.Tests.Searching;

/// <summary>The settings that a search brings along: what is sent, that it holds for the search, and that it is gone after it.</summary>
public sealed class LocalSettingsTests : StoreFixture
{
    /// <summary>Two settings of the server, and two of pgvector, which a fresh session has not loaded.</summary>
    private const string Shown =
        "SELECT concat_ws(' ', current_setting('plan_cache_mode'), current_setting('enable_seqscan'), current_setting('hnsw.ef_search'), current_setting('hnsw.iterative_scan'))";

    private static readonly (string Name, string Value)[] Changed =
        [("plan_cache_mode", "force_generic_plan"), ("enable_seqscan", "off"), ("hnsw.ef_search", "123"), ("hnsw.iterative_scan", "relaxed_order")];

    private readonly KnownVectors _vectors = new(8);

    protected override IEmbeddingProvider Provider => _vectors;

    [Test]
    public async Task Settings_are_one_statement_and_no_more_of_them_are_prepared_than_of_the_searches()
    {
        await StoreAsync();
        await using var store = NewStore(options => options.ApplicationName = Prefix);

        var searches = (await SentAsync(store, Enumerable.Range(1, 10).Select(i => 10 * i))).Select(search => search.Split(";" + Environment.NewLine)).ToList();

        Assert.That(searches, Has.All.Length.EqualTo(2));
        Assert.That(searches.Select(search => search[1]), Has.All.StartsWith("SELECT id,"));
        Assert.That(searches.Select(search => search[0]), Has.All.Match(
            @"^SELECT set_config\('enable_seqscan', 'off', true\), set_config\('plan_cache_mode', 'force_generic_plan', true\), set_config\('hnsw\.ef_search', '\d+', true\)$"));
        Assert.That(
            searches.Select(search => search[0]).Distinct().Count(),
            Is.GreaterThan(1).And.LessThanOrEqualTo(searches.Select(search => search[1]).Distinct().Count()));
    }

    [Test]
    public async Task Workers_of_a_distributed_engine_are_told_in_a_transaction()
    {
        await StoreAsync();
        await using var store = await NewDistributedStoreAsync(options => options.ApplicationName = Prefix);

        var search = (await SentAsync(store, [10])).Single().Split(";" + Environment.NewLine);

        Assert.That(search[..4], Is.EqualTo(
            ["BEGIN READ ONLY", "SET LOCAL enable_seqscan = off", "SET LOCAL plan_cache_mode = force_generic_plan", "SET LOCAL hnsw.ef_search = 200"]));
        Assert.That(search[4], Does.StartWith("SELECT id,"));
        Assert.That(search[5..], Is.EqualTo(["COMMIT"]));
    }

    [Test]
    public async Task Before_it_is_known_what_the_database_is_settings_are_sent_as_to_a_distributed_engine()
    {
        await using var database = new Database(Options(), NullLoggerFactory.Instance, TimeProvider.System);
        var table = new MemoryTable(database, new StoreSchema(Prefix), _vectors.Dimensions, sinks: []);
        using var sent = new SentStatements(Prefix);

        await table.FindNearestAsync(new MemoryQuery("garden"), new float[_vectors.Dimensions], SearchPlan.Exact, CancellationToken.None);

        Assert.That(sent.Take().Single().Text, Does.StartWith("BEGIN READ ONLY"));
    }

    [Test]
    public async Task Settings_hold_for_their_search_and_are_gone_after_it([Values] bool distributed, [Values] bool autoPrepare)
    {
        await using var source = NewSource(autoPrepare);
        for (var i = 0; i < 4; i++)
        {
            Assert.That(await AskAsync(source, new LocalSettings(Changed, distributed), Shown), Is.EqualTo("force_generic_plan off 123 relaxed_order"));
            Assert.That(await AskAsync(source, null, "SELECT ('[1]'::vector <=> '[1]')::text"), Is.EqualTo("0"), "pgvector is loaded now");
            Assert.That(await AskAsync(source, null, Shown), Is.EqualTo("auto on 40 off"));
        }
    }

    [Test]
    public async Task Settings_are_gone_after_a_search_that_failed([Values] bool distributed)
    {
        await using var source = NewSource(autoPrepare: true);
        Assert.That(await AskAsync(source, null, "SELECT ('[1]'::vector <=> '[1]')::text"), Is.EqualTo("0"));

        Assert.That(async () => await AskAsync(source, new LocalSettings(Changed, distributed), "SELECT (1 / 0)::text"), Throws.InstanceOf<PostgresException>());

        Assert.That(await AskAsync(source, null, Shown), Is.EqualTo("auto on 40 off"));
    }

    [Test]
    public async Task The_effort_holds_in_a_session_that_has_not_loaded_pgvector_yet([Values] bool distributed)
    {
        await StoreAsync();
        void Configure(UnifiedMemoryOptions options) => (options.ConnectionString, options.ApplicationName) = (options.ConnectionString + ";Pooling=false", Prefix);
        await using var store = distributed ? await NewDistributedStoreAsync(Configure) : NewStore(Configure);

        var searches = await SentAsync(store, [100, 100]);

        Assert.That(searches, Has.Count.EqualTo(2), "with the default effort the index yields 40, and a second search compares all memories");
        Assert.That(searches, Has.All.Contains("hnsw.ef_search"));
    }

    private async Task StoreAsync()
    {
        await Store.StoreManyAsync(Enumerable.Range(0, 3000).Select(i => new NewMemory($"garden {i}", MemoryType.Rag)));
        await VectorIndexes.CreateHnswAsync(Prefix, effort: 200);
    }

    /// <summary>The statements of searches that find as many each.</summary>
    private async Task<IReadOnlyList<string>> SentAsync(UnifiedMemoryStore store, IEnumerable<int> limits)
    {
        using var sent = new SentStatements(Prefix);
        foreach (var limit in limits)
            Assert.That(await store.SearchAsync(new MemoryQuery("garden") { Mode = SearchMode.Vector, Limit = limit }), Has.Count.EqualTo(limit));
        return [.. sent.Take().Select(statement => statement.Text).Where(text => text.Contains("<=>", StringComparison.Ordinal))];
    }

    /// <summary>One session.</summary>
    private NpgsqlDataSource NewSource(bool autoPrepare)
    {
        var options = Options();
        (options.MaxPoolSize, options.AutoPrepare) = (1, autoPrepare);
        return ConnectionSettings.BuildDataSource(options, NullLoggerFactory.Instance);
    }

    private UnifiedMemoryOptions Options()
    {
        var options = NewOptions();
        options.ApplicationName = Prefix;
        return options;
    }

    private static async Task<string> AskAsync(NpgsqlDataSource source, LocalSettings? settings, string sql)
    {
        await using var connection = await source.OpenConnectionAsync();
        return (await MemoryReader.QueryAsync(
            connection, settings, sql, new SqlParameters(positional: true), row => row.GetString(0), CancellationToken.None)).Single();
    }
}
