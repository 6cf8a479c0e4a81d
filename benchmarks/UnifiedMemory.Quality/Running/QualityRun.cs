using System.Diagnostics;
using Npgsql;
using UnifiedMemory.Quality.Reporting;
using UnifiedMemory.Quality.Scoring;
using UnifiedMemory.Quality.Sets;

namespace UnifiedMemory.Quality.Running;

/// <summary>One set through the library: stored in a schema of its own, asked, scored; the schema is dropped.</summary>
internal static class QualityRun
{
    public static async Task<IReadOnlyList<Score>> RunAsync(RetrievalSet set, string connectionString, CancellationToken cancellationToken)
    {
        var options = new UnifiedMemoryOptions
        {
            ConnectionString = connectionString,
            SchemaPrefix = $"quality_{Guid.NewGuid():N}"[..16] + "_",
        };
        var schema = options.SchemaPrefix + "memories";
        await using var store = UnifiedMemoryStore.Create(options, new LookupEmbeddingProvider(set));
        try
        {
            await store.MigrateAsync(cancellationToken);
            await StoreAsync(store, set, cancellationToken);
            await ExecuteAsync(connectionString, AnalyzeAll(schema), cancellationToken);

            var scores = new List<Score>();
            foreach (var variant in SearchVariant.All.Where(variant => set.IsConversations || !variant.ForConversations))
                scores.AddRange(Score.Of(set, variant.Name, await AskAsync(store, set, variant, cancellationToken)));
            return scores;
        }
        finally
        {
            await ExecuteAsync(connectionString, $"DROP SCHEMA IF EXISTS {schema} CASCADE", CancellationToken.None);
        }
    }

    private static async Task StoreAsync(UnifiedMemoryStore store, RetrievalSet set, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        var stored = await store.StoreManyAsync(set.Documents.Select(one => one.Memory), cancellationToken: cancellationToken);
        var failed = stored.FirstOrDefault(one => one.Outcome != StoreOutcome.Created);
        if (failed is not null)
            throw new InvalidDataException($"A memory of {set.Name} was not stored: {failed.Rejection ?? failed.Outcome.ToString()}");
        Console.WriteLine($"{set.Name}: {stored.Count:N0} memories stored in {Stopwatch.GetElapsedTime(started).TotalSeconds:0.0} s");
    }

    /// <summary>The names that each question finds, best first.</summary>
    private static async Task<IReadOnlyList<string>[]> AskAsync(
        UnifiedMemoryStore store, RetrievalSet set, SearchVariant variant, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        var found = new IReadOnlyList<string>[set.Questions.Count];
        var parallel = new ParallelOptions
        {
            MaxDegreeOfParallelism = 2 * Environment.ProcessorCount,
            CancellationToken = cancellationToken,
        };
        await Parallel.ForAsync(0, found.Length, parallel, async (i, token) =>
        {
            var question = set.Questions[i];
            var query = new MemoryQuery(question.Text) { Namespace = question.Namespace, Limit = Metric.Depth };
            var matches = await store.SearchAsync(variant.Apply(query), token);
            found[i] = [.. matches.Select(match => match.Record.WorkflowId!)];
        });
        Console.WriteLine(
            $"{set.Name}: {found.Length:N0} questions asked in {Stopwatch.GetElapsedTime(started).TotalSeconds:0.0} s, {variant.Name}");
        return found;
    }

    /// <summary>What autovacuum does a minute after a load; the planner is not to be measured without.</summary>
    private static string AnalyzeAll(string schema) =>
        $"""
         DO $$
         DECLARE one regclass;
         BEGIN
             FOR one IN SELECT oid FROM pg_class WHERE relnamespace = '{schema}'::regnamespace AND relkind = 'r' LOOP
                 EXECUTE 'ANALYZE ' || one;
             END LOOP;
         END $$
         """;

    private static async Task ExecuteAsync(string connectionString, string sql, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
