using System.Text.Json.Nodes;

namespace UnifiedMemory.Tests.Storing;

public sealed class StoringOneMemoryTests : StoreFixture
{
    [Test]
    public async Task Everything_that_was_given_comes_back()
    {
        var created = new DateTimeOffset(2025, 3, 1, 12, 30, 0, TimeSpan.FromHours(2));
        var expires = new DateTimeOffset(2099, 1, 1, 0, 0, 0, TimeSpan.Zero);
        var stored = await Store.StoreAsync(new NewMemory("Zażółć gęślą jaźń 🧠\nsecond line", MemoryType.Insight)
        {
            Namespace = "team/one",
            Kind = "decision",
            Metadata = new JsonObject { ["path"] = "src/a.cs", ["lines"] = 12, ["nested"] = new JsonObject { ["x"] = true } },
            Tags = ["b", "a", "b"],
            SourceSystem = "github",
            AgentId = "agent-1",
            SessionId = "session-1",
            WorkflowId = "workflow-1",
            Importance = 0.75,
            CreatedAt = created,
            ExpiresAt = expires,
        });

        var record = await Store.GetAsync(stored.Id);

        Assert.That(stored.Outcome, Is.EqualTo(StoreOutcome.Created));
        Assert.That(record, Is.Not.Null);
        Assert.Multiple(() =>
        {
            Assert.That(record!.Id, Is.EqualTo(stored.Id));
            Assert.That(record.Content, Is.EqualTo("Zażółć gęślą jaźń 🧠\nsecond line"));
            Assert.That(record.Type, Is.EqualTo(MemoryType.Insight));
            Assert.That(record.Namespace, Is.EqualTo("team/one"));
            Assert.That(record.Kind, Is.EqualTo("decision"));
            Assert.That((string?)record.Metadata["path"], Is.EqualTo("src/a.cs"));
            Assert.That((int)record.Metadata["lines"]!, Is.EqualTo(12));
            Assert.That((bool)record.Metadata["nested"]!["x"]!, Is.True);
            Assert.That(record.Tags, Is.EqualTo(new[] { "b", "a" }));
            Assert.That(record.SourceSystem, Is.EqualTo("github"));
            Assert.That(record.AgentId, Is.EqualTo("agent-1"));
            Assert.That(record.SessionId, Is.EqualTo("session-1"));
            Assert.That(record.WorkflowId, Is.EqualTo("workflow-1"));
            Assert.That(record.Importance, Is.EqualTo(0.75));
            Assert.That(record.CreatedAt, Is.EqualTo(created));
            Assert.That(record.ExpiresAt, Is.EqualTo(expires));
            Assert.That(record.UpdatedAt, Is.EqualTo(DateTimeOffset.UtcNow).Within(TimeSpan.FromMinutes(5)));
        });
    }

    [Test]
    public async Task A_memory_without_options_gets_the_documented_defaults()
    {
        var record = await Store.GetAsync((await Store.StoreAsync(new NewMemory("plain", MemoryType.Agent))).Id);

        Assert.Multiple(() =>
        {
            Assert.That(record!.Namespace, Is.EqualTo("default"));
            Assert.That(record.Metadata, Is.Empty);
            Assert.That(record.Tags, Is.Empty);
            Assert.That(record.Importance, Is.EqualTo(0.5));
            Assert.That(record.ExpiresAt, Is.Null);
            Assert.That(record.CreatedAt, Is.EqualTo(DateTimeOffset.UtcNow).Within(TimeSpan.FromMinutes(5)));
        });
    }

    [Test]
    public async Task Storing_again_returns_the_old_id_and_embeds_nothing()
    {
        var first = await Store.StoreAsync(new NewMemory("the same", MemoryType.Project));
        var second = await Store.StoreAsync(new NewMemory("the same", MemoryType.Project) { Importance = 1 });

        Assert.That(second, Is.EqualTo(new StoredMemory(first.Id, StoreOutcome.AlreadyStored)));
        Assert.That(Embeddings.Embedded, Has.Count.EqualTo(1));
        Assert.That((await Store.GetAsync(first.Id))!.Importance, Is.EqualTo(0.5), "the first is left as it was");
    }

    [Test]
    public async Task Equal_texts_of_another_scope_are_other_memories()
    {
        var memory = new NewMemory("the same", MemoryType.Project);
        NewMemory[] scopes =
        [
            memory,
            memory with { Type = MemoryType.Agent },
            memory with { Namespace = "other" },
            memory with { AgentId = "a" },
            memory with { SessionId = "a" },
            memory with { WorkflowId = "a" },
        ];
        var ids = new List<Guid>();
        foreach (var scope in scopes)
            ids.Add((await Store.StoreAsync(scope)).Id);

        Assert.That(ids, Is.Unique);
    }

    [Test]
    public async Task A_thousand_callers_with_one_text_store_it_once_and_get_one_id()
    {
        var results = await Task.WhenAll(Enumerable.Range(0, 1000).Select(_ => Store.StoreAsync(new NewMemory("all at once", MemoryType.Rag))));

        Assert.That(results.Select(result => result.Id).Distinct().Count(), Is.EqualTo(1));
        Assert.That(results.Count(result => result.Outcome == StoreOutcome.Created), Is.EqualTo(1));
        Assert.That(await Store.CountAsync(new MemoryFilter()), Is.EqualTo(1));
        Assert.That(Embeddings.Embedded, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task An_expired_memory_does_not_swallow_its_successor()
    {
        var past = DateTimeOffset.UtcNow.AddMinutes(-1);
        var expired = await Store.StoreAsync(new NewMemory("comes back", MemoryType.Agent) { ExpiresAt = past, Kind = "old" });
        var again = await Store.StoreAsync(new NewMemory("comes back", MemoryType.Agent) { Kind = "new" });

        Assert.That(again.Outcome, Is.EqualTo(StoreOutcome.Created));
        Assert.That(again.Id, Is.Not.EqualTo(expired.Id));
        Assert.That((await Store.GetAsync(again.Id))!.Kind, Is.EqualTo("new"));
        Assert.That(await Store.GetAsync(expired.Id), Is.Null);
    }

    [Test]
    public async Task A_megabyte_of_content_is_stored_and_found()
    {
        var content = string.Concat(Enumerable.Range(0, 100_000).Select(i => $"word{i:D5} "))[..1_000_000];
        var stored = await Store.StoreAsync(new NewMemory(content, MemoryType.Rag));

        Assert.That((await Store.GetAsync(stored.Id))!.Content, Is.EqualTo(content));
        Assert.That((await Store.SearchAsync(new MemoryQuery(content)))[0].Record.Id, Is.EqualTo(stored.Id));
    }

    [Test]
    public async Task No_connection_is_held_while_embedding()
    {
        await using var store = NewStore(options => options.MaxPoolSize = 1);
        var embedding = new TaskCompletionSource();
        Embeddings.OnEmbed = (texts, _) => texts.Contains("slow") ? embedding.Task : Task.CompletedTask;
        var slow = store.StoreAsync(new NewMemory("slow", MemoryType.Agent));

        // The pool has one connection: this answers only if the call above has given it back.
        var other = await store.CountAsync(new MemoryFilter()).WaitAsync(TimeSpan.FromSeconds(20));
        embedding.SetResult();

        Assert.That(other, Is.Zero);
        Assert.That((await slow).Outcome, Is.EqualTo(StoreOutcome.Created));
    }
}
