using System.Diagnostics;
using Npgsql;

namespace UnifiedMemory.Tests.Insights;

/// <summary>A process that stores insights and delivers them, to be killed.</summary>
internal static class InsightHost
{
    public const int Count = 1500;

    private const string ConnectionVariable = "UNIFIED_MEMORY_TEST_INSIGHT_CONNECTION";
    private const string PrefixVariable = "UNIFIED_MEMORY_TEST_INSIGHT_PREFIX";
    private const string DispatchVariable = "UNIFIED_MEMORY_TEST_INSIGHT_DISPATCH";

    /// <summary>Every third is found in another memory.</summary>
    public static IEnumerable<NewMemory> Memories => Enumerable.Range(0, Count).Select(i => i % 3 == 0
        ? new NewMemory(Texts.With(Texts.Numbered(i)), MemoryType.Rag) { Namespace = $"n{i % 5}" }
        : new NewMemory(Texts.Numbered(i), MemoryType.Insight) { Namespace = $"n{i % 5}" });

    public static void Configure(UnifiedMemoryOptions options)
    {
        options.StoreBatchSize = 20;
        options.Insights.PollInterval = TimeSpan.FromMilliseconds(50);
        options.Insights.DeliveryTimeout = TimeSpan.FromMilliseconds(500);
        options.Insights.LeaseDuration = TimeSpan.FromSeconds(2);
        options.Insights.RetryDelay = TimeSpan.FromMilliseconds(20);
        options.Insights.MaxRetryDelay = TimeSpan.FromMilliseconds(200);
        options.Insights.BreakDuration = TimeSpan.FromMilliseconds(500);

        // A sink that is away for less than that and back again can fail one insight ten times in a row, which is parked then, by design.
        options.Insights.MaxAttempts = 1_000;
    }

    public static Process Start(string connection, string prefix, bool dispatch)
    {
        var assembly = typeof(InsightHost).Assembly.Location;
        return Process.Start(new ProcessStartInfo("dotnet", ["exec", assembly])
        {
            Environment =
            {
                ["DOTNET_STARTUP_HOOKS"] = assembly,
                [ConnectionVariable] = connection,
                [PrefixVariable] = prefix,
                [DispatchVariable] = dispatch ? "yes" : "",
            },
        })!;
    }

    /// <summary>What the child does, when it is one.</summary>
    public static async Task RunChildAsync()
    {
        if (Environment.GetEnvironmentVariable(ConnectionVariable) is not { Length: > 0 } connection)
            return;
        var prefix = Environment.GetEnvironmentVariable(PrefixVariable)!;
        var options = new UnifiedMemoryOptions { ConnectionString = connection, SchemaPrefix = prefix };
        Configure(options);
        await using var database = NpgsqlDataSource.Create(connection);
        using var end = new CancellationTokenSource(TimeSpan.FromMinutes(2)); // should whoever is to kill it be gone
        await using var store = UnifiedMemoryStore.Create(options, new RecordingEmbeddingProvider(), insightSinks: [new DatabaseSink(database, prefix)]);
        var dispatching = Environment.GetEnvironmentVariable(DispatchVariable) is { Length: > 0 }
            ? store.RunDispatcherAsync(end.Token, end.Token)
            : Task.CompletedTask;
        await store.StoreManyAsync(Memories, cancellationToken: end.Token);
        await dispatching;
        Environment.Exit(0);
    }
}
