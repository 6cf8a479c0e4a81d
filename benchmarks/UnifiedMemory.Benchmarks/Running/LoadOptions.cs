using System.Globalization;

namespace UnifiedMemory.Benchmarks.Running;

/// <summary>The arguments of the load runner.</summary>
internal sealed record LoadOptions
{
    public const string Usage =
        """
        usage: bench [--quick] [--rows N] [--json FILE] [--output DIR] [part ...]
               bench --filter PATTERN [--rows N ...]     BenchmarkDotNet, with its own arguments

        parts: bulk store insights overhead search modes callers recall sizes (all of them without a name), scale (only by its name)
        """;

    public static IReadOnlyList<string> AllParts { get; } = ["bulk", "store", "insights", "overhead", "search", "modes", "callers", "recall", "sizes"];

    /// <summary>In fewer not each search has twenty memories to find: type and range together leave one in two hundred.</summary>
    private const int FewestRows = 5_000;

    public bool Quick { get; private init; }

    public int Rows { get; private init; }

    /// <summary>Of the large table; a number that is given goes for all.</summary>
    public int ScaleRows { get; private init; }

    public string? Json { get; private init; }

    public string Output { get; private init; } = "artifacts/benchmarks";

    public IReadOnlyList<string> Parts { get; private init; } = [];

    /// <summary>How long a comparison of two calls takes.</summary>
    public TimeSpan Time => TimeSpan.FromSeconds(Quick ? 6 : 30);

    /// <summary>Queries, which are also those whose recall is measured.</summary>
    public int Queries => Quick ? 60 : 100;

    /// <exception cref="ArgumentException">An argument is not known, lacks its value, or has a wrong one.</exception>
    public static LoadOptions Parse(IReadOnlyList<string> arguments)
    {
        var options = new LoadOptions();
        var rest = new Queue<string>(arguments);
        while (rest.TryDequeue(out var argument))
        {
            options = argument switch
            {
                "--quick" => options with { Quick = true },
                "--rows" => options with { Rows = ParseRows(Next()) },
                "--json" => options with { Json = Next() },
                "--output" => options with { Output = Next() },
                _ when argument == "scale" || AllParts.Contains(argument) => options with { Parts = [.. options.Parts, argument] },
                _ => throw new ArgumentException($"'{argument}' is not an argument.\n{Usage}"),
            };

            string Next() => rest.TryDequeue(out var value) ? value : throw new ArgumentException($"{argument} needs a value.\n{Usage}");
        }

        return options with
        {
            Parts = options.Parts.Count == 0 ? AllParts : options.Parts,
            Rows = options.Rows > 0 ? options.Rows : options.Quick ? 20_000 : 100_000,
            ScaleRows = options.Rows > 0 ? options.Rows : options.Quick ? 100_000 : 1_000_000,
        };
    }

    /// <exception cref="ArgumentException">It is no number, or one that is too small or too large.</exception>
    public static int ParseRows(string text) =>
        int.TryParse(text, CultureInfo.InvariantCulture, out var rows) && rows >= FewestRows
            ? rows
            : throw new ArgumentException($"'{text}' is not a number of rows: it is {FewestRows:N0} to {int.MaxValue:N0}.\n{Usage}");
}
