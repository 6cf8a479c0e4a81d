namespace UnifiedMemory.Quality;

/// <summary>What the command line and the environment say.</summary>
/// <param name="DataDirectory">Where the sets are.</param>
/// <param name="JsonFile">Where the scores go, besides the console.</param>
internal sealed record QualityArguments(string DataDirectory, string? JsonFile)
{
    private const string DataVariable = "UNIFIED_MEMORY_DATA";

    /// <exception cref="ArgumentException">The arguments are not understood, or there is no data; the message says what to give.</exception>
    public static QualityArguments Parse(IReadOnlyList<string> arguments)
    {
        string? data = null, json = null;
        for (var i = 0; i < arguments.Count; i += 2)
        {
            var value = i + 1 < arguments.Count && arguments[i + 1].Length > 0 ? arguments[i + 1] : null;
            switch (arguments[i])
            {
                case "--data" when value is not null:
                    data = value;
                    break;
                case "--json" when value is not null:
                    json = value;
                    break;
                default:
                    throw new ArgumentException($"'{arguments[i]}' is not understood. usage: ./build.sh quality [--data DIR] [--json FILE]");
            }
        }

        return new QualityArguments(FindData(data), json);
    }

    private static string FindData(string? given)
    {
        given ??= Environment.GetEnvironmentVariable(DataVariable) is { Length: > 0 } named ? named : null;
        var directory = given ?? BesideTheRepository();
        if (Directory.Exists(directory))
            return directory;
        throw new ArgumentException(
            $"There is no folder '{directory}'. Give the folder with the data by --data DIR or the environment variable {DataVariable}: "
            + "it holds folders with turns and questions (LoCoMo) or with functions and queries (CoSQA), each as .jsonl and .f32. "
            + "benchmarks/README.md says more.");
    }

    private static string BesideTheRepository()
    {
        var repository = new DirectoryInfo(AppContext.BaseDirectory);
        while (repository.Parent is not null && !File.Exists(Path.Combine(repository.FullName, "Memory.sln")))
            repository = repository.Parent;
        return Path.GetFullPath(Path.Combine(repository.FullName, "../shared/data"));
    }
}
