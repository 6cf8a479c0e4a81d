using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;

namespace UnifiedMemory.Tests.Exchange;

public sealed class ExportTests : StoreFixture
{
    private static readonly MemoryFilter Everything = new() { Namespace = MemoryFilter.AllNamespaces };

    [SetUp]
    public async Task StoreAsync()
    {
        await Store.StoreManyAsync(Enumerable.Range(0, 1200).Select(i => new NewMemory($"angle {i % 360} {i}", (MemoryType)(i % 5))
        {
            Namespace = i % 2 == 0 ? "default" : "team/one",
            Kind = i % 3 == 0 ? "decision" : null,
            Metadata = i % 4 == 0 ? new() { ["n"] = i, ["text"] = "ä\"\n\U0001F600" } : null,
            Tags = ["one", $"t{i % 7}"],
            SourceSystem = "github",
            AgentId = i % 5 == 0 ? "a" : null,
            SessionId = $"s{i % 9}",
            WorkflowId = i % 6 == 0 ? "w" : null,
            Importance = i % 10 / 10.0,
            CreatedAt = DateTimeOffset.UnixEpoch.AddMinutes(i),
            ExpiresAt = i % 11 == 0 ? new DateTimeOffset(2090, 1, 1, 0, 0, 0, TimeSpan.Zero) : null,
        }));
    }

    [Test]
    public async Task An_export_makes_the_same_store_elsewhere_without_embedding()
    {
        using var file = new MemoryStream();
        Assert.That(await Store.ExportAsync(file), Is.EqualTo(1200));

        await InAnotherStoreAsync(new RecordingEmbeddingProvider(), async (other, embeddings, table) =>
        {
            file.Position = 0;
            var report = await other.ImportAsync(file);

            Assert.That(report, Is.EqualTo(new ImportReport(1200, 0, 0, Embedded: false, report.Rejections)));
            Assert.That(embeddings.Embedded, Is.Empty);
            Assert.That(await FingerprintAsync(table), Is.EqualTo(await FingerprintAsync(Table)), "ids and vectors too");
            file.Position = 0;
            Assert.That(await other.ImportAsync(file), Has.Property("AlreadyStored").EqualTo(1200), "it can be repeated");
        });
    }

    [Test]
    public async Task Metadata_as_deep_as_the_store_takes_it_is_exported_and_imported()
    {
        var metadata = new JsonObject { ["n"] = 1 };
        for (var depth = 1; depth < 64; depth++)
            metadata = new JsonObject { ["deeper"] = metadata };
        var id = (await Store.StoreAsync(new NewMemory("deep", MemoryType.Rag) { Metadata = metadata })).Id;
        using var file = new MemoryStream();
        await Store.ExportAsync(file);

        await InAnotherStoreAsync(new RecordingEmbeddingProvider(), async (other, _, _) =>
        {
            file.Position = 0;
            Assert.That((await other.ImportAsync(file)).Created, Is.EqualTo(1201));
            Assert.That(JsonNode.DeepEquals((await other.GetAsync(id))!.Metadata, (await Store.GetAsync(id))!.Metadata));
        });
    }

    [Test]
    public async Task Into_another_embedding_space_memories_are_embedded_again_with_their_ids()
    {
        using var file = new MemoryStream();
        await Store.ExportAsync(file);

        await InAnotherStoreAsync(new RecordingEmbeddingProvider(dimensions: 16, model: "other"), async (other, embeddings, table) =>
        {
            file.Position = 0;
            var report = await other.ImportAsync(file);

            Assert.That(report.Embedded);
            Assert.That(report.Created, Is.EqualTo(1200));
            Assert.That(embeddings.Embedded, Has.Count.EqualTo(1200));
            Assert.That((await ToListAsync(other.ListAsync(Everything))).Select(memory => memory.Id), Is.EqualTo((await ToListAsync(Store.ListAsync(Everything))).Select(memory => memory.Id)));
        });
    }

    [Test]
    public async Task Without_vectors_it_is_readable_lines_and_is_embedded_on_import()
    {
        using var file = new MemoryStream();
        await Store.ExportAsync(file, new ExportOptions { IncludeVectors = false, Filter = new MemoryFilter { Namespace = "team/one", Kind = "decision" } });
        var lines = Lines(file);

        Assert.That((string?)JsonNode.Parse(lines[0])!["format"], Is.EqualTo("unifiedmemory-export"));
        Assert.That((int?)JsonNode.Parse(lines[0])!["version"], Is.EqualTo(2));
        Assert.That((string?)JsonNode.Parse(lines[1])!["kind"], Is.EqualTo("decision"));
        Assert.That(lines[1], Does.Not.Contain("vector"));
        Assert.That(lines[^1], Is.EqualTo("{\"count\":200,\"patterns\":0,\"dependencies\":0}"));
        await InAnotherStoreAsync(new RecordingEmbeddingProvider(), async (other, embeddings, _) =>
        {
            file.Position = 0;
            Assert.That((await other.ImportAsync(file)).Created, Is.EqualTo(200));
            Assert.That(embeddings.Embedded, Has.Count.EqualTo(200));
        });
    }

    [Test]
    public async Task What_is_in_the_store_stays_and_an_id_of_another_content_is_rejected()
    {
        using var file = new MemoryStream();
        await Store.ExportAsync(file);
        var all = await ToListAsync(Store.ListAsync(Everything));
        await Store.DeleteAsync(all[0].Id);
        await Store.UpdateAsync(all[1].Id, new MemoryUpdate { Content = "changed since" });
        await Store.UpdateAsync(all[2].Id, new MemoryUpdate { Importance = 0.123 });

        file.Position = 0;
        var report = await Store.ImportAsync(file);

        Assert.That((report.Created, report.AlreadyStored, report.Rejected), Is.EqualTo((1, 1198, 1)));
        Assert.That(report.Rejections.Single(), Does.StartWith("line "));
        Assert.That((await Store.GetAsync(all[0].Id))!.Content, Is.EqualTo(all[0].Content));
        Assert.That((await Store.GetAsync(all[1].Id))!.Content, Is.EqualTo("changed since"));
        Assert.That((await Store.GetAsync(all[2].Id))!.Importance, Is.EqualTo(0.123).Within(1e-6));
    }

    [Test]
    public async Task Lines_that_cannot_be_stored_are_rejected_with_their_reasons_and_the_others_are_in()
    {
        using var file = new MemoryStream();
        await Store.ExportAsync(file);
        var lines = Lines(file);
        lines[1] = Change(lines[1], memory => memory["type"] = "dream");
        lines[2] = Change(lines[2], memory => memory["content"] = " ");
        lines[3] = Change(lines[3], memory => memory["vector"] = Convert.ToBase64String(new byte[32]));
        lines[4] = Change(lines[4], memory => memory["vector"] = Convert.ToBase64String(new byte[12]));
        await Store.DeleteManyAsync(Everything);

        var report = await Store.ImportAsync(Zip(lines));

        Assert.That((report.Created, report.Rejected), Is.EqualTo((1196, 4)));
        Assert.That(report.Rejections[0], Does.StartWith("line 2: The type is 'dream'"));
        Assert.That(report.Rejections[2], Does.Contain("zero"));
        Assert.That(report.Rejections[3], Does.Contain("3 numbers instead of 8"));
    }

    [Test]
    public async Task What_is_no_whole_export_is_refused_and_says_why()
    {
        using var file = new MemoryStream();
        await Store.ExportAsync(file);
        var lines = Lines(file);

        Assert.That(() => Store.ImportAsync(Zip(["{}"])), Throws.InstanceOf<InvalidDataException>().With.Message.Contains("no export"));
        Assert.That(() => Store.ImportAsync(new MemoryStream("hello"u8.ToArray())), Throws.InstanceOf<InvalidDataException>());
        Assert.That(
            () => Store.ImportAsync(Zip([Change(lines[0], header => header["version"] = 3)])),
            Throws.InstanceOf<InvalidDataException>().With.Message.Contains("version 3"));
        Assert.That(() => Store.ImportAsync(Zip(lines[..^1])), Throws.InstanceOf<InvalidDataException>().With.Message.Contains("cut off after line 1201"));
        Assert.That(() => Store.ImportAsync(Zip([.. lines[..5], lines[^1]])), Throws.InstanceOf<InvalidDataException>().With.Message.Contains("4 memories, and 1200"));
        Assert.That(() => Store.ImportAsync(new MemoryStream(file.ToArray()[..^5000])), Throws.InstanceOf<InvalidDataException>(), "cut off in the middle");
        Assert.That(
            () => Store.ImportAsync(Zip([lines[0], lines[1][..^5], lines[^1]])), Throws.InstanceOf<InvalidDataException>().With.Message.Contains("Line 2"));
    }

    [Test]
    public async Task Patterns_and_dependencies_of_projects_go_with_the_memories()
    {
        await StoreProjectsAsync();
        using var file = new MemoryStream();
        Assert.That(await Store.ExportAsync(file), Is.EqualTo(1200), "memories are counted");

        await InAnotherStoreAsync(new RecordingEmbeddingProvider(), async (other, _, _) =>
        {
            file.Position = 0;
            var report = await other.ImportAsync(file);

            Assert.That((report.PatternsCreated, report.DependenciesCreated, report.Rejected), Is.EqualTo((2, 2, 0)));
            Assert.That(await ProjectsAsync(other), Is.EqualTo(await ProjectsAsync(Store)), "ids, times and all");
            file.Position = 0;
            report = await other.ImportAsync(file);
            Assert.That(
                (report.PatternsCreated, report.PatternsAlreadyStored, report.DependenciesCreated, report.DependenciesAlreadyStored), Is.EqualTo((0, 2, 0, 2)));
            Assert.That(await ProjectsAsync(other), Is.EqualTo(await ProjectsAsync(Store)));
        });
    }

    [Test]
    public async Task A_pattern_takes_over_a_higher_count_and_an_id_of_another_one_is_rejected()
    {
        await StoreProjectsAsync();
        using var file = new MemoryStream();
        await Store.ExportAsync(file, new ExportOptions { Filter = new MemoryFilter { Namespace = "default", Kind = "none" } });
        var lines = Lines(file);
        Assert.That(lines, Has.Length.EqualTo(4), "the namespace alone counts for projects");
        var more = Change(lines[1], pattern => pattern["applicationCount"] = 9);
        var foreign = Change(lines[1], pattern => pattern["context"] = new JsonObject { ["other"] = true });
        var type = Change(lines[2], dependency => dependency["type"] = "dream");
        var empty = Change(lines[1], pattern => pattern["context"] = null);

        var report = await Store.ImportAsync(Zip([lines[0], more, foreign, empty, type, "{\"count\":0,\"patterns\":3,\"dependencies\":1}"]));

        Assert.That((report.PatternsAlreadyStored, report.PatternsCreated, report.Rejected), Is.EqualTo((1, 0, 3)));
        Assert.That(report.Rejections[0], Does.StartWith("line 3: Its id belongs to something else"));
        Assert.That(report.Rejections[1], Does.StartWith("line 4: Context or Solution is null"));
        Assert.That(report.Rejections[2], Does.StartWith("line 5: The type is 'dream'"));
        Assert.That((await ToListAsync(Store.ListPatternsAsync(new PatternFilter()))).Single().ApplicationCount, Is.EqualTo(9));
    }

    [Test]
    public async Task Without_projects_it_is_an_export_of_version_1_which_is_still_read()
    {
        await StoreProjectsAsync();
        using var file = new MemoryStream();
        await Store.ExportAsync(file, new ExportOptions { IncludeProjects = false });
        var lines = Lines(file);

        Assert.That((int?)JsonNode.Parse(lines[0])!["version"], Is.EqualTo(1));
        Assert.That(lines[^1], Is.EqualTo("{\"count\":1200}"));
        Assert.That(lines, Has.None.Contain("\"record\""));
        await InAnotherStoreAsync(new RecordingEmbeddingProvider(), async (other, _, _) =>
        {
            file.Position = 0;
            Assert.That((await other.ImportAsync(file)).Created, Is.EqualTo(1200));
        });
    }

    [Test]
    public async Task An_export_that_lost_a_pattern_or_has_something_unknown_is_refused()
    {
        await StoreProjectsAsync();
        using var file = new MemoryStream();
        await Store.ExportAsync(file);
        var lines = Lines(file);

        Assert.That(
            () => Store.ImportAsync(Zip([.. lines.Where(line => !line.StartsWith("{\"record\":\"pattern\"", StringComparison.Ordinal))])),
            Throws.InstanceOf<InvalidDataException>().With.Message.Contains("0 patterns, and 2 were written"));
        Assert.That(
            () => Store.ImportAsync(Zip([lines[0], "{\"record\":\"dream\"}", lines[^1]])),
            Throws.InstanceOf<InvalidDataException>().With.Message.Contains("Line 2 of the export is a 'dream'"));
    }

    private async Task StoreProjectsAsync()
    {
        foreach (var (name, count) in new[] { ("default", 3), ("team/one", 0) })
        {
            await Store.StorePatternAsync(new ProjectPattern("migration", count == 0 ? null : "p", new JsonObject { ["a"] = "ä" }, new JsonObject { ["b"] = 1.5 }, 0.25)
            {
                Namespace = name,
                Tags = ["x", "y"],
                ApplicationCount = count,
                LastApplied = count == 0 ? null : DateTimeOffset.UnixEpoch.AddDays(9),
                CreatedAt = DateTimeOffset.UnixEpoch.AddDays(3),
            });
            await Store.AddDependencyAsync(new ProjectDependency("one", "two", ProjectDependencyType.SharesCode)
            {
                Namespace = name,
                Description = count == 0 ? null : "the same parser",
                Metadata = count == 0 ? null : new JsonObject { ["n"] = 1 },
                CreatedAt = DateTimeOffset.UnixEpoch.AddDays(4),
            });
        }
    }

    private static async Task<string> ProjectsAsync(UnifiedMemoryStore store) => System.Text.Json.JsonSerializer.Serialize(new
    {
        Patterns = await ToListAsync(store.ListPatternsAsync(new PatternFilter { Namespace = MemoryFilter.AllNamespaces })),
        Dependencies = await ToListAsync(store.ListDependenciesAsync(new DependencyFilter { Namespace = MemoryFilter.AllNamespaces })),
    });

    private static string Change(string line, Action<JsonNode> change)
    {
        var node = JsonNode.Parse(line)!;
        change(node);
        return node.ToJsonString();
    }

    private static string[] Lines(MemoryStream file)
    {
        using var zip = new GZipStream(new MemoryStream(file.ToArray()), CompressionMode.Decompress);
        using var reader = new StreamReader(zip);
        return reader.ReadToEnd().TrimEnd('\n').Split('\n');
    }

    private static MemoryStream Zip(string[] lines)
    {
        var file = new MemoryStream();
        using (var zip = new GZipStream(file, CompressionLevel.Fastest, leaveOpen: true))
            zip.Write(Encoding.UTF8.GetBytes(string.Join('\n', lines) + "\n"));
        file.Position = 0;
        return file;
    }

    private static Task<string> FingerprintAsync(string table) => TestServer.ScalarAsync<string>(
        $"SELECT count(*) || md5(string_agg((to_jsonb(memories) - 'updated_at')::text, '' ORDER BY id)) FROM {table}");

    private async Task InAnotherStoreAsync(
        RecordingEmbeddingProvider embeddings, Func<UnifiedMemoryStore, RecordingEmbeddingProvider, string, Task> work)
    {
        var prefix = "o" + Prefix;
        await using var store = NewStore(options => options.SchemaPrefix = prefix, embeddings);
        try
        {
            await store.MigrateAsync();
            await work(store, embeddings, $"{prefix}memories.memories");
        }
        finally
        {
            await TestServer.ExecuteAsync($"DROP SCHEMA {prefix}memories CASCADE");
        }
    }
}
