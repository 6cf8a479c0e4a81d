using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using UnifiedMemory.Tests.Insights;

namespace UnifiedMemory.Tests.Monitoring;

[NonParallelizable]
public sealed class TelemetryTests : StoreFixture
{
    [Test]
    public async Task A_search_is_a_span_with_the_names_of_the_convention()
    {
        var spans = new ConcurrentQueue<Activity>();
        using var listener = Listen(spans);
        await Store.MigrateDownAsync(0);
        Embeddings.OnDescribe = space => space with { Provider = "tester" };
        await Store.MigrateAsync();
        await Store.StoreAsync(new NewMemory("angle 0", MemoryType.Rag));
        await Store.SearchAsync(new MemoryQuery("angle 0"));

        var search = spans.Single(span => span.DisplayName == "search_memory");
        Assert.That(search.GetTagItem("gen_ai.operation.name"), Is.EqualTo("search_memory"));
        Assert.That(search.GetTagItem("unifiedmemory.search.matches"), Is.EqualTo(1));
        Assert.That(spans.Count(span => span.DisplayName == "create_memory"), Is.EqualTo(1));
        Assert.That(
            spans.Where(span => span.DisplayName == "embeddings recording").Select(span => span.GetTagItem("gen_ai.provider.name")),
            Is.EqualTo(new[] { "tester", "tester" }), "the name that the space has, not that of a type");
    }

    [Test]
    public async Task A_failed_call_is_a_failed_span()
    {
        var spans = new ConcurrentQueue<Activity>();
        using var listener = Listen(spans);
        Embeddings.OnEmbed = (_, _) => throw new UnifiedMemoryException("embed", "down", isTransient: true);

        Assert.That(async () => await Store.SearchAsync(new MemoryQuery("angle 0")), Throws.InstanceOf<UnifiedMemoryException>());

        var search = spans.Single(span => span.DisplayName == "search_memory");
        Assert.That(search.Status, Is.EqualTo(ActivityStatusCode.Error));
        Assert.That(search.GetTagItem("error.type"), Is.EqualTo(nameof(UnifiedMemoryException)));
    }

    [Test]
    public async Task Durations_batches_outcomes_and_waits_are_measured()
    {
        var measured = new ConcurrentDictionary<string, double>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Name == "UnifiedMemory")
                    self.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<double>((instrument, value, _, _) => Add(instrument, value));
        listener.SetMeasurementEventCallback<long>((instrument, value, _, _) => Add(instrument, value));
        listener.SetMeasurementEventCallback<int>((instrument, value, _, _) => Add(instrument, value));
        listener.Start();

        await Store.StoreManyAsync(Enumerable.Range(0, 20).Select(i => new NewMemory($"memory {i % 10}", MemoryType.Rag)));
        await Store.SearchAsync(new MemoryQuery("memory 1"));

        Assert.That(measured.Keys, Is.SupersetOf(new[]
        {
            "unifiedmemory.operation.duration", "unifiedmemory.database.duration", "unifiedmemory.connection.wait.duration",
            "unifiedmemory.store.batch.size", "unifiedmemory.store.memories", "unifiedmemory.embedding.duration", "unifiedmemory.embedding.batch.size",
        }));
        Assert.That(measured["unifiedmemory.store.memories"], Is.EqualTo(20));
        Assert.That(measured.Keys, Has.None.StartsWith("db.client"), "that is Npgsql's");

        void Add(Instrument instrument, double value) => measured.AddOrUpdate(instrument.Name, value, (_, sum) => sum + value);
    }

    [Test]
    public async Task Neither_content_nor_password_is_in_any_log_span_metric_or_error()
    {
        const string secret = "xyzzy-plugh-4711";
        var output = new List<string>();
        using var listener = Listen(new ConcurrentQueue<Activity>(), activity =>
        {
            lock (output)
            {
                output.Add(activity.DisplayName);
                output.AddRange(activity.TagObjects.Concat(activity.Events.SelectMany(one => one.Tags)).Select(tag => $"{tag.Key}={tag.Value}"));
                output.Add(activity.StatusDescription ?? "");
            }
        }, "UnifiedMemory", "Npgsql");
        using var meters = new MeterListener { InstrumentPublished = (instrument, self) => self.EnableMeasurementEvents(instrument) };
        meters.SetMeasurementEventCallback<double>((instrument, _, tags, _) => AddTags(instrument.Name, tags));
        meters.SetMeasurementEventCallback<long>((instrument, _, tags, _) => AddTags(instrument.Name, tags));
        meters.SetMeasurementEventCallback<int>((instrument, _, tags, _) => AddTags(instrument.Name, tags));
        meters.Start();
        using var loggers = LoggerFactory.Create(logging => logging.SetMinimumLevel(LogLevel.Trace).AddProvider(new ListLogger(output)));
        var options = NewOptions();
        options.RetryBudget = TimeSpan.Zero;
        var sink = new RecordingSink { OnDeliver = (insight, _) => throw new InvalidOperationException("cannot take " + insight.Content) };
        options.Insights.MaxAttempts = 1;
        await using var store = UnifiedMemoryStore.Create(options, Embeddings, loggers, insightSinks: [sink], insightDetector: new FailingDetector());
        await store.MigrateAsync();
        await store.StoreManyAsync(Enumerable.Range(0, 9).Select(i => new NewMemory($"{secret} {i}", MemoryType.Insight)));
        await store.DispatchPendingAsync();
        await foreach (var queued in store.ListQueuedInsightsAsync(new QueuedInsightFilter()))
            output.Add(queued.LastError ?? "");
        await store.GetInsightBacklogAsync();

        await store.StoreManyAsync([new NewMemory(secret, MemoryType.Rag), new NewMemory(secret + "\0", MemoryType.Rag)]);
        var stored = await store.StoreAsync(new NewMemory(secret + " 2", MemoryType.Rag) { Metadata = new() { ["a"] = secret } });
        await store.SearchAsync(new MemoryQuery(secret));
        output.Add(await FailureOf(() => store.StoreAsync(new NewMemory(secret + "\0", MemoryType.Rag))));
        output.Add(await FailureOf(() => store.UpdateAsync(stored.Id, new MemoryUpdate { Content = secret })));
        output.Add(await FailureOf(() => store.StoreAsync(new NewMemory("refused by the server", MemoryType.Rag) { Metadata = new() { [secret] = System.Text.Json.Nodes.JsonNode.Parse("1e200000") } })));
        output.Add((await store.StoreManyAsync(Enumerable.Range(0, 30).Select(i => new NewMemory($"{secret} {i} copied", MemoryType.Rag) { Metadata = new() { [secret] = System.Text.Json.Nodes.JsonNode.Parse("1e200000") } })))[7].Rejection!);
        Embeddings.OnEmbed = (texts, _) => throw new InvalidOperationException("cannot embed " + texts[0]);
        output.Add(await FailureOf(() => store.StoreAsync(new NewMemory(secret + " 3", MemoryType.Rag))));
        output.Add(await FailureOf(() => store.StoreManyAsync([new NewMemory(secret + " 4", MemoryType.Rag)])));
        output.Add(await FailureOf(() => store.SearchAsync(new MemoryQuery(secret + " 5"))));
        output.Add(await FailureOf(() => store.UpdateAsync(stored.Id, new MemoryUpdate { Content = secret + " 6" })));
        var wrong = new Npgsql.NpgsqlConnectionStringBuilder(TestServer.ConnectionString) { Host = "127.0.0.1", Password = secret, Port = 1 };
        await using var unreachable = UnifiedMemoryStore.Create(
            new UnifiedMemoryOptions { ConnectionString = wrong.ConnectionString, RetryBudget = TimeSpan.Zero }, Embeddings, loggers);
        var stranger = new Npgsql.NpgsqlConnectionStringBuilder(TestServer.ConnectionString) { Username = "nobody_known", Password = secret };
        await using var refused = UnifiedMemoryStore.Create(
            new UnifiedMemoryOptions { ConnectionString = stranger.ConnectionString, RetryBudget = TimeSpan.Zero }, Embeddings, loggers);
        output.Add(await FailureOf(() => refused.CountAsync(new MemoryFilter())));
        output.Add(await FailureOf(() => unreachable.CountAsync(new MemoryFilter())));
        output.Add(await FailureOf(() => unreachable.MigrateAsync()));

        meters.Dispose();
        lock (output)
        {
            Assert.That(output, Has.Some.StartsWith("unifiedmemory.operation.duration"));
            Assert.That(output, Has.Some.StartsWith("unifiedmemory.insights.backlog"));
            Assert.That(output, Has.Some.Contains("is parked").And.Some.Contains("keeps failing").And.Some.Contains("detector failed"));
            Assert.That(output.Where(line => line.Contains(secret, StringComparison.Ordinal)), Is.Empty);
        }

        void AddTags(string name, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            lock (output)
                output.Add($"{name} {string.Join(' ', tags.ToArray())}");
        }
    }

    private static async Task<string> FailureOf(Func<Task> call)
    {
        try
        {
            await call();
        }
        catch (Exception exception)
        {
            return exception.ToString();
        }

        Assert.Fail("The call was to fail.");
        return "";
    }

    private static ActivityListener Listen(ConcurrentQueue<Activity> spans, Action<Activity>? onStopped = null, params string[] sources)
    {
        var listener = new ActivityListener
        {
            ShouldListenTo = source => sources.Length == 0 ? source.Name == "UnifiedMemory" : sources.Contains(source.Name),
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity =>
            {
                spans.Enqueue(activity);
                onStopped?.Invoke(activity);
            },
        };
        ActivitySource.AddActivityListener(listener);
        return listener;
    }

    [Test]
    public async Task The_backlog_of_a_sink_that_is_not_registered_goes_back_to_none_and_belongs_to_its_store()
    {
        var pending = new ConcurrentQueue<long>();
        using var meters = new MeterListener { InstrumentPublished = (instrument, self) => self.EnableMeasurementEvents(instrument) };
        meters.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            var tag = tags.ToArray().ToDictionary(one => one.Key, one => one.Value as string);
            if (instrument.Name == "unifiedmemory.insights.backlog" && tag["sink"] == "gone" && tag["state"] == "pending" && tag["schema"] == Prefix + "memories")
                pending.Enqueue(value);
        });
        meters.Start();
        await using (var former = NewStore(sinks: [new RecordingSink("gone")]))
            await former.StoreAsync(new NewMemory("an insight", MemoryType.Insight));

        await Store.GetInsightBacklogAsync();
        await Store.DiscardQueuedInsightsAsync(new QueuedInsightFilter());
        var backlog = await Store.GetInsightBacklogAsync();

        Assert.That(pending, Is.EqualTo(new[] { 1, 0 }));
        Assert.That(backlog, Is.Empty);
    }

    private sealed class FailingDetector : IInsightDetector
    {
        public IEnumerable<DetectedInsight> Find(NewMemory memory) => throw new InvalidOperationException("cannot read " + memory.Content);

        public DetectedInsight Describe(NewMemory memory) => throw new InvalidOperationException("cannot read " + memory.Content);
    }
}
