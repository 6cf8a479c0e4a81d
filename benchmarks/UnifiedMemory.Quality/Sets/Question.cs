namespace UnifiedMemory.Quality.Sets;

/// <summary>A question and what answers it.</summary>
/// <param name="Namespace">Where it is asked.</param>
/// <param name="Category">What kind of question it is; <c>null</c> where that is not known.</param>
/// <param name="Text">The question.</param>
/// <param name="Evidence">The names of the memories that answer it, at least one.</param>
/// <param name="Vector">The vector of the text.</param>
internal sealed record Question(string Namespace, string? Category, string Text, IReadOnlySet<string> Evidence, float[] Vector);
