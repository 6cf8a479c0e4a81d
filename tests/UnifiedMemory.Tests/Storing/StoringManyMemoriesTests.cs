namespace UnifiedMemory.Tests.Storing;

public sealed class StoringManyMemoriesTests : StoreFixture
{
    [Test]
    public async Task Each_memory_has_its_result_in_the_order_given()
    {
        var known = await Store.StoreAsync(new NewMemory("memory 3", MemoryType.Rag));
        NewMemory[] memories =
        [
            .. Enumerable.Range(0, 10).Select(i => new NewMemory($"memory {i}", MemoryType.Rag)),
            new NewMemory("", MemoryType.Rag),
            new NewMemory("bad\0byte", MemoryType.Rag),
            new NewMemory("memory 5", MemoryType.Rag),
        ];

        var results = await Store.StoreManyAsync(memories);

        Assert.That(results, Has.Count.EqualTo(13));
        Assert.That(results[3], Is.EqualTo(new StoredMemory(known.Id, StoreOutcome.AlreadyStored)));
        Assert.That(results.Take(10).Where((_, i) => i != 3).Select(result => result.Outcome), Is.All.EqualTo(StoreOutcome.Created));
        Assert.That(results[10].Outcome, Is.EqualTo(StoreOutcome.Rejected));
        Assert.That(results[10].Rejection, Does.Contain("blank"));
        Assert.That(results[11].Rejection, Does.Contain("U+0000 at index 3"));
        Assert.That(results[12], Is.EqualTo(new StoredMemory(results[5].Id, StoreOutcome.AlreadyStored)));
        for (var i = 0; i < 10; i++)
            Assert.That((await Store.GetAsync(results[i].Id))!.Content, Is.EqualTo($"memory {i}"));
    }

    [Test]
    public async Task A_second_run_stores_nothing_and_embeds_nothing()
    {
        var memories = Enumerable.Range(0, 1200).Select(i => new NewMemory($"memory {i}", MemoryType.Project)).ToList();
        var first = await Store.StoreManyAsync(memories);
        var embedded = Embeddings.Embedded.Count;
        var second = await Store.StoreManyAsync(memories);

        Assert.That(first.Select(result => result.Outcome), Is.All.EqualTo(StoreOutcome.Created));
        Assert.That(second.Select(result => result.Outcome), Is.All.EqualTo(StoreOutcome.AlreadyStored));
        Assert.That(second.Select(result => result.Id), Is.EqualTo(first.Select(result => result.Id)));
        Assert.That(Embeddings.Embedded, Has.Count.EqualTo(embedded));
    }

    [Test]
    public async Task The_stream_is_read_only_as_far_as_it_is_needed()
    {
        var read = 0;
        var gate = new TaskCompletionSource();
        Embeddings.OnEmbed = (_, _) => gate.Task;
        await using var store = NewStore(options => options.StoreBatchSize = 50);
        async IAsyncEnumerable<NewMemory> Endless()
        {
            for (var i = 0; i < 100_000; i++)
            {
                await Task.Yield();
                Interlocked.Increment(ref read);
                yield return new NewMemory($"memory {i}", MemoryType.Rag);
            }
        }

        using var cancellation = new CancellationTokenSource();
        var storing = store.StoreManyAsync(Endless(), cancellationToken: cancellation.Token);
        await Eventually.TrueAsync(() => Volatile.Read(ref read) >= 150, "three batches are read");
        var readWhileStuck = Volatile.Read(ref read);
        await cancellation.CancelAsync();
        gate.SetResult();

        Assert.That(readWhileStuck, Is.LessThanOrEqualTo(201), "three batches of 50 under way and at most one waiting");
        Assert.That(async () => await storing, Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public async Task Progress_adds_up()
    {
        var reports = new List<StoreProgress>();
        await using var store = NewStore(options => options.StoreBatchSize = 100);
        await store.StoreManyAsync(
            Enumerable.Range(0, 1000).Select(i => new NewMemory(i % 10 == 0 ? " " : $"memory {i % 800}", MemoryType.Rag)),
            new Recorder(reports));

        Assert.That(reports, Has.Count.EqualTo(10));
        Assert.That(reports[^1], Is.EqualTo(new StoreProgress(Created: 720, AlreadyStored: 180, Rejected: 100)));
        Assert.That(reports.Select(report => report.Processed), Is.Ordered);
    }

    [Test]
    public async Task A_text_that_cannot_be_embedded_is_rejected_alone()
    {
        Embeddings.OnEmbed = (texts, _) => texts.Contains("poison") ? throw new EmbeddingRejectedException("cannot embed this") : Task.CompletedTask;
        var results = await Store.StoreManyAsync(
            Enumerable.Range(0, 64).Select(i => new NewMemory(i == 40 ? "poison" : $"memory {i}", MemoryType.Rag)));

        Assert.That(results[40].Outcome, Is.EqualTo(StoreOutcome.Rejected));
        Assert.That(results[40].Rejection, Does.Contain("cannot embed this").And.Not.Contain("poison"));
        Assert.That(results.Where((_, i) => i != 40).Select(result => result.Outcome), Is.All.EqualTo(StoreOutcome.Created));
    }

    [Test]
    public async Task A_memory_that_only_the_server_refuses_is_rejected_alone()
    {
        // JSON allows this number and jsonb does not: it has more digits than numeric holds.
        var number = System.Text.Json.Nodes.JsonNode.Parse("1e200000");
        var results = await Store.StoreManyAsync(Enumerable.Range(0, 32).Select(i => new NewMemory($"memory {i}", MemoryType.Rag)
        {
            Metadata = i == 7 ? new() { ["n"] = number } : null,
        }));

        Assert.That(results[7].Outcome, Is.EqualTo(StoreOutcome.Rejected));
        Assert.That(results[7].Rejection, Does.Contain("22003"));
        Assert.That(await Store.CountAsync(new MemoryFilter()), Is.EqualTo(31));
    }

    [Test]
    public async Task When_the_embedding_service_is_down_the_call_fails_and_can_be_repeated()
    {
        var down = true;
        Embeddings.OnEmbed = (_, _) => down ? throw new UnifiedMemoryException("embed", "the service is down", isTransient: true) : Task.CompletedTask;
        var memories = Enumerable.Range(0, 100).Select(i => new NewMemory($"memory {i}", MemoryType.Rag)).ToList();

        Assert.That(
            async () => await Store.StoreManyAsync(memories),
            Throws.InstanceOf<UnifiedMemoryException>().With.Property(nameof(UnifiedMemoryException.IsTransient)).True);
        down = false;
        Assert.That((await Store.StoreManyAsync(memories)).Select(result => result.Outcome), Is.All.EqualTo(StoreOutcome.Created));
    }

    [Test]
    public async Task When_the_embedding_service_goes_down_in_the_middle_the_call_fails_and_keeps_what_it_has()
    {
        var calls = 0;
        Embeddings.OnEmbed = (_, _) => Interlocked.Increment(ref calls) > 5 ? throw new UnifiedMemoryException("embed", "the service is down", isTransient: true) : Task.CompletedTask;
        var memories = Enumerable.Range(0, 500).Select(i => new NewMemory($"memory {i}", MemoryType.Rag)).ToList();

        Assert.That(
            async () => await Store.StoreManyAsync(memories),
            Throws.InstanceOf<UnifiedMemoryException>().With.Property(nameof(UnifiedMemoryException.IsTransient)).True);
        Assert.That(await Store.CountAsync(new MemoryFilter()), Is.EqualTo(80), "five batches of 16 were embedded, and are stored");
        Embeddings.OnEmbed = (_, _) => Task.CompletedTask;
        Assert.That((await Store.StoreManyAsync(memories)).Count(result => result.Outcome == StoreOutcome.Created), Is.EqualTo(420));
    }

    [Test]
    public async Task One_text_in_many_scopes_is_written_in_parallel_without_a_deadlock()
    {
        var memories = Enumerable.Range(0, 400).Select(i => new NewMemory("ok", MemoryType.Agent) { AgentId = $"agent {i}" }).ToList();
        var results = await Task.WhenAll(Enumerable.Range(0, 4).Select(writer => Store.StoreManyAsync(writer % 2 == 0 ? memories : Enumerable.Reverse(memories))));

        Assert.That(results.SelectMany(one => one).Count(result => result.Outcome == StoreOutcome.Created), Is.EqualTo(400));
    }

    [Test]
    public async Task Of_equal_memories_in_a_batch_the_first_is_stored()
    {
        var results = await Store.StoreManyAsync(Enumerable.Range(0, 400).Select(i => new NewMemory($"text {i % 100}", MemoryType.Rag) { Kind = $"copy {i / 100}" }));

        Assert.That(results.Take(100).Select(result => result.Outcome), Is.All.EqualTo(StoreOutcome.Created));
        Assert.That(results.Skip(100).Select(result => result.Outcome), Is.All.EqualTo(StoreOutcome.AlreadyStored));
        Assert.That(await Store.CountAsync(new MemoryFilter { Kind = "copy 0" }), Is.EqualTo(100));
    }

    [Test]
    public async Task Two_writers_of_the_same_texts_in_opposite_order_do_not_deadlock()
    {
        var memories = Enumerable.Range(0, 2000).Select(i => new NewMemory($"memory {i}", MemoryType.Rag)).ToList();
        var results = await Task.WhenAll(Store.StoreManyAsync(memories), Store.StoreManyAsync(Enumerable.Reverse(memories)));

        Assert.That(await Store.CountAsync(new MemoryFilter()), Is.EqualTo(2000));
        Assert.That(results.SelectMany(one => one).Count(result => result.Outcome == StoreOutcome.Created), Is.EqualTo(2000));
    }

    private sealed class Recorder(List<StoreProgress> reports) : IProgress<StoreProgress>
    {
        public void Report(StoreProgress value) => reports.Add(value);
    }
}
