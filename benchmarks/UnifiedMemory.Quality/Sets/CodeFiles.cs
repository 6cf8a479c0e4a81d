using System.Text.Json.Serialization;

namespace UnifiedMemory.Quality.Sets;

/// <summary>
/// Functions, and what people asked a search engine for them, as CoSQA has them: https://github.com/Jun-jie-Huang/CoCLR.
/// A function is a memory; all are in one namespace.
/// </summary>
internal static class CodeFiles
{
    public const string Functions = "functions";

    public const string Queries = "queries";

    private const string Namespace = "code";

    public static RetrievalSet Load(string folder, string name)
    {
        var documents = SetFolder.Read<Function>(folder, Functions)
            .Select(one => (
                new NewMemory(one.Line.Code, MemoryType.Rag) { Namespace = Namespace, WorkflowId = one.Line.Id }, one.Vector));
        var questions = SetFolder.Read<Asked>(folder, Queries)
            .Where(one => one.Line.Relevant?.Count > 0)
            .Select(one => new Question(
                Namespace, Category: null, one.Line.Query, one.Line.Relevant!.ToHashSet(StringComparer.Ordinal), one.Vector));
        return new RetrievalSet(name, IsConversations: false, [.. documents], [.. questions]);
    }

    private sealed record Function([property: JsonRequired] string Id, [property: JsonRequired] string Code);

    private sealed record Asked([property: JsonRequired] string Query, [property: JsonRequired] IReadOnlyList<string>? Relevant);
}
