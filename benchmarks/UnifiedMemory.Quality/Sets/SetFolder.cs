using System.Text.Json;

namespace UnifiedMemory.Quality.Sets;

/// <summary>Folders with a set in them, known by the files that they hold.</summary>
internal static class SetFolder
{
    private static readonly JsonSerializerOptions Lines = new(JsonSerializerDefaults.Web) { RespectNullableAnnotations = true };

    /// <summary>The sets in this folder and in the folders in it, by name. One may have no question with evidence.</summary>
    /// <exception cref="InvalidDataException">There is none, or one is not as it should be.</exception>
    public static IReadOnlyList<RetrievalSet> LoadAll(string directory)
    {
        var sets = Directory.GetDirectories(directory).Append(directory)
            .Order(StringComparer.Ordinal)
            .Select(Load)
            .OfType<RetrievalSet>()
            .ToList();
        if (sets.CountBy(set => set.Name).FirstOrDefault(name => name.Value > 1).Key is { } twice)
            throw new InvalidDataException($"Two sets are called '{twice}', as their folders are.");
        return sets.Count > 0
            ? sets
            : throw new InvalidDataException(
                $"'{directory}' holds no set: no folder with turns.jsonl and questions.jsonl, or with functions.jsonl and queries.jsonl.");
    }

    private static RetrievalSet? Load(string folder)
    {
        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        var set = Has(ConversationFiles.Turns) && Has(ConversationFiles.Questions) ? ConversationFiles.Load(folder, name)
            : Has(CodeFiles.Functions) && Has(CodeFiles.Queries) ? CodeFiles.Load(folder, name)
            : null;
        if (set is { Documents.Count: 0 })
            throw new InvalidDataException($"The set '{name}' has no memory.");
        if (set?.Questions.FirstOrDefault(question => question.Vector.Length != set.Dimensions) is { } other)
        {
            throw new InvalidDataException(
                $"The vectors of the set '{name}' have {set.Dimensions:N0} dimensions for memories and {other.Vector.Length:N0} for questions.");
        }

        return set;

        bool Has(string file) => File.Exists(Path.Combine(folder, file + ".jsonl"));
    }

    /// <summary>The lines of <c>file.jsonl</c>, each with its vector from <c>file.f32</c>.</summary>
    /// <exception cref="InvalidDataException">A line is not as it should be, or there are not as many vectors as lines.</exception>
    public static IReadOnlyList<(T Line, float[] Vector)> Read<T>(string folder, string file)
    {
        var path = Path.Combine(folder, file + ".jsonl");
        var lines = new List<T>();
        foreach (var line in File.ReadLines(path).Where(line => line.Length > 0))
        {
            try
            {
                lines.Add(JsonSerializer.Deserialize<T>(line, Lines) ?? throw new JsonException("It is null."));
            }
            catch (JsonException exception)
            {
                throw new InvalidDataException($"Entry {lines.Count + 1} of {path} is not as it should be: {exception.Message}", exception);
            }
        }

        return [.. lines.Zip(VectorFile.Read(Path.Combine(folder, file + ".f32"), lines.Count))];
    }
}
