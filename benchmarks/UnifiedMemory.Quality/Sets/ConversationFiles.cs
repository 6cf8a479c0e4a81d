using System.Text.Json.Serialization;

namespace UnifiedMemory.Quality.Sets;

/// <summary>
/// Long conversations of two people, and questions about them, as LoCoMo has them: https://github.com/snap-research/locomo.
/// A conversation is a namespace and a session, a turn is a memory.
/// </summary>
internal static class ConversationFiles
{
    public const string Turns = "turns";

    public const string Questions = "questions";

    public static RetrievalSet Load(string folder, string name)
    {
        var documents = new List<(NewMemory, float[])>();
        foreach (var conversation in SetFolder.Read<Turn>(folder, Turns).GroupBy(one => one.Line.Conversation))
        {
            var last = DateTimeOffset.MinValue;
            foreach (var (turn, vector) in conversation.OrderBy(one => one.Line.Position))
            {
                // The data has one time for a sitting of turns; neighbours are found by time, so each is a second after the one before.
                last = turn.Time > last ? turn.Time : last.AddSeconds(1);
                documents.Add((
                    new NewMemory($"{turn.Speaker}: {turn.Text}", MemoryType.Agent)
                    {
                        Namespace = turn.Conversation,
                        SessionId = turn.Conversation,
                        // Part of what makes two memories the same one: "John: Take care, bye!" is said more than once.
                        WorkflowId = turn.Name,
                        CreatedAt = last,
                    },
                    vector));
            }
        }

        var questions = SetFolder.Read<Asked>(folder, Questions)
            .Where(one => one.Line.Evidence?.Count > 0)
            .Select(one => new Question(
                one.Line.Conversation, one.Line.Category, one.Line.Question, one.Line.Evidence!.ToHashSet(StringComparer.Ordinal), one.Vector));
        return new RetrievalSet(name, IsConversations: true, documents, [.. questions]);
    }

    private sealed record Turn(
        [property: JsonRequired] string Conversation,
        [property: JsonRequired, JsonPropertyName("turn")] string Name,
        [property: JsonRequired] int Position,
        [property: JsonRequired] DateTimeOffset Time,
        [property: JsonRequired] string Speaker,
        [property: JsonRequired] string Text);

    private sealed record Asked(
        [property: JsonRequired] string Conversation,
        string? Category,
        [property: JsonRequired] string Question,
        [property: JsonRequired] IReadOnlyList<string>? Evidence);
}
