namespace UnifiedMemory.Quality.Sets;

/// <summary>Memories, and questions of which it is known what answers them.</summary>
/// <param name="Name">The name of its folder.</param>
/// <param name="IsConversations">Whether the memories are turns of conversations, so that they have neighbours and times.</param>
/// <param name="Documents">The memories and their vectors. <see cref="NewMemory.WorkflowId"/> is the name by which evidence names it.</param>
/// <param name="Questions">The questions that have evidence.</param>
internal sealed record RetrievalSet(
    string Name, bool IsConversations, IReadOnlyList<(NewMemory Memory, float[] Vector)> Documents, IReadOnlyList<Question> Questions)
{
    /// <summary>Of all its vectors.</summary>
    public int Dimensions => Documents[0].Vector.Length;
}
