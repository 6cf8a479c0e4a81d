using UnifiedMemory.Quality.Sets;

namespace UnifiedMemory.Tests.Quality;

public sealed class SetFolderTests
{
    private const int Dimensions = 4;

    private DirectoryInfo _directory = null!;

    [SetUp]
    public void CreateDirectory() => _directory = Directory.CreateTempSubdirectory("quality-");

    [TearDown]
    public void DeleteDirectory() => _directory.Delete(recursive: true);

    [Test]
    public void A_turn_is_a_memory_in_the_order_of_its_conversation()
    {
        WriteConversation("locomo-test");

        var set = SetFolder.LoadAll(_directory.FullName).Single();

        Assert.That(set.Name, Is.EqualTo("locomo-test"));
        Assert.That(set.IsConversations);
        Assert.That(set.Documents.Select(one => one.Memory.Content), Is.EqualTo(new[] { "Ann: hello", "Bob: bye", "Bob: bye" }));
        Assert.That(set.Documents.Select(one => one.Vector[0]), Is.EqualTo(new[] { 2f, 1f, 3f }));
        Assert.That(set.Documents.Select(one => one.Memory.CreatedAt), Is.Ordered.Ascending.And.Unique);
        Assert.That(set.Documents.Select(one => one.Memory.SessionId), Is.All.EqualTo("c1"), "neighbours cross the days");
        Assert.That(set.Documents.Select(one => one.Memory.WorkflowId), Is.Unique, "equal turns are kept apart");
        Assert.That(set.Questions.Single().Evidence, Is.EquivalentTo(new[] { "D1:2" }), "a question without evidence is left out");
        Assert.That(set.Questions.Single().Vector[0], Is.EqualTo(1f));
    }

    [Test]
    public void Sets_are_known_by_their_files()
    {
        WriteConversation("talk");
        Write("search/functions", """{"id": "7", "code": "def f(): pass"}""");
        Write("search/queries", """{"id": "q", "query": "a function", "relevant": ["7"]}""");
        _directory.CreateSubdirectory("other");

        Assert.That(
            SetFolder.LoadAll(_directory.FullName).Select(set => (set.Name, set.IsConversations)),
            Is.EqualTo(new[] { ("search", false), ("talk", true) }));
        Assert.That(SetFolder.LoadAll(Path.Combine(_directory.FullName, "talk")).Single().Name, Is.EqualTo("talk"), "the folder of a set itself");
    }

    [Test]
    public void Vectors_that_do_not_fit_the_lines_are_refused()
    {
        WriteConversation("talk");
        File.WriteAllBytes(Path.Combine(_directory.FullName, "talk/turns.f32"), new byte[100]);

        Assert.That(() => SetFolder.LoadAll(_directory.FullName), Throws.InstanceOf<InvalidDataException>().With.Message.Contain("turns.f32 has 100 bytes"));
    }

    [Test]
    public void Vectors_of_memories_and_questions_that_differ_in_length_are_refused()
    {
        WriteConversation("talk");
        File.WriteAllBytes(Path.Combine(_directory.FullName, "talk/turns.f32"), new byte[3 * 5 * sizeof(float)]);

        Assert.That(() => SetFolder.LoadAll(_directory.FullName), Throws.InstanceOf<InvalidDataException>().With.Message.Contain("5 dimensions for memories and 4"));
    }

    [Test]
    public void A_question_may_lack_its_category_and_null_is_no_evidence()
    {
        WriteConversation("talk");
        Write(
            "talk/questions",
            """{"conversation": "c1", "question": "When did Bob leave?", "evidence": ["D1:2"]}""",
            """{"conversation": "c1", "question": "Why?", "evidence": null}""");

        var question = SetFolder.LoadAll(_directory.FullName).Single().Questions.Single();

        Assert.That((question.Category, question.Vector.Length), Is.EqualTo(((string?)null, Dimensions)));
    }

    [Test]
    public void A_line_with_null_where_a_text_belongs_is_refused()
    {
        WriteConversation("talk");
        Write("talk/questions", """{"conversation": "c1", "question": null, "evidence": ["D1:2"]}""");

        Assert.That(() => SetFolder.LoadAll(_directory.FullName), Throws.InstanceOf<InvalidDataException>().With.Message.Contain("Entry 1 of"));
    }

    [Test]
    public void A_folder_without_a_set_is_refused() =>
        Assert.That(() => SetFolder.LoadAll(_directory.FullName), Throws.InstanceOf<InvalidDataException>().With.Message.Contain("no set"));

    private void WriteConversation(string name)
    {
        Write(
            name + "/turns",
            """{"conversation": "c1", "turn": "D1:2", "session": 1, "position": 1, "time": "2023-05-08T13:56:00Z", "speaker": "Bob", "text": "bye"}""",
            """{"conversation": "c1", "turn": "D1:1", "session": 1, "position": 0, "time": "2023-05-08T13:56:00Z", "speaker": "Ann", "text": "hello"}""",
            """{"conversation": "c1", "turn": "D2:1", "session": 2, "position": 2, "time": "2023-05-09T09:00:00Z", "speaker": "Bob", "text": "bye"}""");
        Write(
            name + "/questions",
            """{"conversation": "c1", "id": "1", "category": "temporal", "question": "When did Bob leave?", "evidence": ["D1:2"]}""",
            """{"conversation": "c1", "id": "2", "category": "temporal", "question": "Why?", "evidence": []}""");
    }

    /// <summary>The lines, and for each a vector whose first number counts them.</summary>
    private void Write(string file, params string[] lines)
    {
        var path = Path.Combine(_directory.FullName, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllLines(path + ".jsonl", lines);
        using var vectors = new BinaryWriter(File.Create(path + ".f32"));
        for (var i = 1; i <= lines.Length; i++)
        {
            for (var j = 0; j < Dimensions; j++)
                vectors.Write(j == 0 ? (float)i : 0f);
        }
    }
}
