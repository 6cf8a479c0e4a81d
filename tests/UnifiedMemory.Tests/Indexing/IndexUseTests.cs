namespace UnifiedMemory.Tests.Indexing;

/// <summary>
/// Each of the table's ordinary indexes is there because a call of the library uses it: the server counts its scans, and the plan is
/// its own choice among 6,000 memories.
/// </summary>
public sealed class IndexUseTests : StoreFixture
{
    private static readonly DateTimeOffset Newest = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private static readonly Dictionary<string, Func<UnifiedMemoryStore, Task<long>>> Calls = new()
    {
        ["memories_pkey"] = async store => await store.ListAsync(new MemoryFilter { Namespace = "n3" }).CountAsync(),
        ["memories_identity"] = async store => (await store.StoreManyAsync(
            [new NewMemory("known", MemoryType.Rag), new NewMemory("known too", MemoryType.Rag)])).Count(one => one.Outcome == StoreOutcome.AlreadyStored),
        ["memories_id"] = async store => await store.GetAsync(Guid.Parse("00000000-0000-0000-0000-000000000007")) is null ? 0 : 1,
        ["memories_created"] = store => store.CountAsync(
            new MemoryFilter { Namespace = "n3", Types = [MemoryType.Insight], CreatedFrom = Newest.AddDays(-30) }),
        ["memories_metadata"] = store => store.CountAsync(
            new MemoryFilter { Namespace = MemoryFilter.AllNamespaces, Metadata = MetadataFilter.Field("n").EqualTo(77) }),
        ["memories_tags"] = store => store.CountAsync(new MemoryFilter { Namespace = MemoryFilter.AllNamespaces, Tags = ["t17"] }),
        ["memories_agent"] = store => store.CountAsync(new MemoryFilter { Namespace = "n3", AgentId = "a13" }),
        ["memories_session"] = store => store.CountAsync(new MemoryFilter { Namespace = "n3", SessionId = "s13" }),
        ["memories_workflow"] = store => store.CountAsync(new MemoryFilter { Namespace = "n3", WorkflowId = "w13" }),
        ["memories_expiry"] = store => store.PurgeExpiredAsync(),
        ["memories_text"] = async store => (await store.SearchAsync(
            new MemoryQuery("word1234") { Namespace = MemoryFilter.AllNamespaces, Mode = SearchMode.Text })).Count,
    };

    private static IEnumerable<string> Indexes => Calls.Keys;

    [SetUp]
    public async Task FillAsync()
    {
        // i mod 10 is the namespace; what a filter asks for is of namespace 3, and of 1 memory in 100.
        await TestServer.ExecuteAsync(
            $$"""
            INSERT INTO {{Table}} (namespace, id, memory_type, content, content_hash, identity_hash, embedding, metadata, tags,
                                   agent_id, session_id, workflow_id, created_at, expires_at)
            SELECT 'n' || i % 10, lpad(to_hex(i), 32, '0')::uuid, CASE WHEN i % 4 = 0 THEN 'rag' ELSE 'insight' END,
                   'word' || i || ' and others', sha256(i::text::bytea), sha256(i::text::bytea), ARRAY[i, 1, 0, 0, 0, 0, 0, 0]::vector,
                   jsonb_build_object('n', i), ARRAY['t' || i % 100],
                   CASE WHEN i % 2 = 1 THEN 'a' || i % 100 END, CASE WHEN i % 2 = 1 THEN 's' || i % 100 END, CASE WHEN i % 2 = 1 THEN 'w' || i % 100 END,
                   '2026-01-01'::timestamptz - i * interval '1 day', CASE WHEN i % 500 = 0 THEN now() - interval '1 hour' END
            FROM generate_series(1, 6000) AS i
            """);
        await Store.StoreManyAsync([new NewMemory("known", MemoryType.Rag), new NewMemory("known too", MemoryType.Rag)]);
        await TestServer.ExecuteAsync($"VACUUM ANALYZE {Table}");
    }

    [TestCaseSource(nameof(Indexes))]
    public async Task An_index_of_the_schema_is_used_by_a_call(string index)
    {
        var before = await ScansAsync();
        await using (var store = NewStore())
            Assert.That(await Calls[index](store), Is.GreaterThan(0), "the call finds something");

        // Its sessions end with it, and deliver what they counted.
        await Eventually.TrueAsync(async () => await ScansAsync() > before, $"{index} is scanned");

        Task<long> ScansAsync() => TestServer.ScalarAsync<long>(
            $"SELECT idx_scan FROM pg_stat_all_indexes WHERE schemaname = '{Prefix}memories' AND indexrelname = '{index}'");
    }

    [Test]
    public async Task Every_index_of_the_schema_is_among_them() => Assert.That(
        (await TestServer.ScalarAsync<string[]>($"SELECT array_agg(indexname::text) FROM pg_indexes WHERE schemaname = '{Prefix}memories' AND tablename = 'memories'")).Order(),
        Is.EqualTo(Indexes.Order()));
}
