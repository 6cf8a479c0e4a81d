using System.Text.Json;
using System.Text.Json.Nodes;

namespace UnifiedMemory.Tests.Input;

/// <summary>Metadata of a memory that was read are parsed when they are first asked for, and nobody notices.</summary>
public sealed class MetadataOfRecordTests
{
    [Test]
    public void All_who_ask_at_the_same_time_get_one_object()
    {
        const int threads = 4;
        using var together = new Barrier(threads);
        for (var round = 0; round < 200; round++)
        {
            var record = Read("""{"score": 1}""");
            var asked = Enumerable.Range(0, threads).Select(_ => Task.Factory.StartNew(
                () =>
                {
                    together.SignalAndWait();
                    return record.Metadata;
                },
                CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)).ToArray();
            Assert.That(asked.Select(task => task.Result), Is.All.SameAs(record.Metadata));
        }
    }

    [Test]
    public void A_record_is_the_same_before_and_after_they_were_read()
    {
        var record = Read("""{"score": 1}""");
        var copy = record with { };
        var hash = record.GetHashCode();

        Assert.That((int?)record.Metadata["score"], Is.EqualTo(1));

        Assert.That((record.GetHashCode(), record == copy), Is.EqualTo((hash, true)));
        Assert.That(copy.Metadata, Is.SameAs(record.Metadata));
    }

    [Test]
    public void They_are_what_was_given_and_empty_where_nothing_was()
    {
        var given = new JsonObject { ["a"] = 1 };
        Assert.That((Read("{}") with { Metadata = given }).Metadata, Is.SameAs(given));
        Assert.That(New().Metadata, Is.Empty);
        New().Metadata["a"] = 1;
        Assert.That(New().Metadata, Is.Empty, "of each record its own");
        Assert.That((New() with { Metadata = null! }).Metadata, Is.Empty);
    }

    [Test]
    public void A_record_is_written_as_json_and_read_again()
    {
        var json = JsonSerializer.Serialize(Read("""{"score":1}"""));
        Assert.That(json, Does.Contain("\"Metadata\":{\"score\":1}"));
        Assert.That((int?)JsonSerializer.Deserialize<MemoryRecord>(json)!.Metadata["score"], Is.EqualTo(1));
    }

    /// <summary>What another program stored deeper than .NET reads ends no search; who asks for it learns of it.</summary>
    [Test]
    public void Json_that_cannot_be_read_is_no_matter_of_the_other_members()
    {
        var record = Read(string.Concat(Enumerable.Repeat("""{"a":""", 70)) + "1" + new string('}', 70));
        Assert.That(record.Content, Is.EqualTo("text"));
        Assert.That(() => record.Metadata, Throws.InstanceOf<JsonException>().With.Message.Contains("64"));
    }

    private static MemoryRecord Read(string json) => New() with { MetadataText = json };

    private static MemoryRecord New() => new()
    {
        Id = Guid.Empty,
        Namespace = "default",
        Type = MemoryType.Rag,
        Content = "text",
        Tags = [],
        Importance = 0.5,
        CreatedAt = default,
        UpdatedAt = default,
    };
}
