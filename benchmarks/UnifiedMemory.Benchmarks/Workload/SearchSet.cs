using Npgsql;
using UnifiedMemory.Benchmarks.Sides;

namespace UnifiedMemory.Benchmarks.Workload;

/// <summary>A query with its vector, which is known beforehand: no side embeds anything.</summary>
internal sealed record SearchText(string Text, float[] Vector);

/// <summary>The queries of a table, and their true answers by comparing every vector, each computed once.</summary>
internal sealed class SearchSet(string schema, int rows, int count)
{
    private readonly Dictionary<SearchCase, IReadOnlyList<HashSet<Guid>>> _truth = [];

    public IReadOnlyList<SearchText> Queries { get; } =
        [.. new ClusteredVectors(seed: 2, rows).Next(count).Select((vector, index) => new SearchText($"query {index}", vector))];

    public SearchText this[int index] => Queries[index % Queries.Count];

    public LookupEmbeddingProvider Provider()
    {
        var provider = new LookupEmbeddingProvider();
        foreach (var query in Queries)
            provider.Add(query.Text, query.Vector);
        return provider;
    }

    /// <summary>How complete the answers of a side are: the fewest rows, and the recall over all queries.</summary>
    public async Task<Answers> AskAsync(SearchCase searched, Func<SearchText, Task<IReadOnlyList<MemoryMatch>>> search)
    {
        var truth = await TruthAsync(searched);
        var (fewest, found, there) = (int.MaxValue, 0, 0);
        for (var i = 0; i < Queries.Count; i++)
        {
            var matches = await search(Queries[i]);
            fewest = Math.Min(fewest, matches.Count);
            found += matches.Count(match => truth[i].Contains(match.Record.Id));
            there += truth[i].Count;
        }

        return new Answers(fewest, there == 0 ? 1 : (double)found / there);
    }

    private async Task<IReadOnlyList<HashSet<Guid>>> TruthAsync(SearchCase searched)
    {
        if (_truth.TryGetValue(searched, out var known))
            return known;

        // A vector index answers plain index scans only; bitmaps of the other indexes are welcome, and so are workers.
        await using var dataSource = RawSide.Connect(settings: ["enable_indexscan=off"]);
        await using var connection = await dataSource.OpenConnectionAsync();
        var truth = new List<HashSet<Guid>>();
        foreach (var query in Queries)
        {
            await using var command = new NpgsqlCommand(
                $"SELECT id FROM {schema}.memories WHERE {RawSide.Conditions(searched)} ORDER BY embedding <=> $1 LIMIT {SearchCases.Limit}", connection)
            {
                CommandTimeout = 0,
            };
            foreach (var parameter in RawSide.Parameters(searched, query))
                command.Parameters.Add(parameter);
            var ids = new HashSet<Guid>();
            await using var reader = await command.ExecuteReaderAsync();
            while (await reader.ReadAsync())
                ids.Add(reader.GetGuid(0));
            truth.Add(ids);
        }

        return _truth[searched] = truth;
    }
}

/// <summary>What a side found: the fewest rows of a query, and the share of the true ones over all queries, 1 when there are none.</summary>
internal sealed record Answers(int Fewest, double Recall);
