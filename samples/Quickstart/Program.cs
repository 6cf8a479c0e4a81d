using System.Diagnostics;
using Quickstart;
using Spectre.Console;
using UnifiedMemory;

// Reads the files of a repository, this one by default, into a store that persists, and asks it questions.
// Usage: ./build.sh quickstart [folder] [question …]
using var cancellation = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    cancellation.Cancel();
};

string[] questions = args.Length > 1 ? args[1..] :
[
    "How does a search stay complete when a filter is selective?",
    "What happens when two hosts migrate at the same time?",
    "Which prefixes does nomic-embed-text need?",
    "How is a write repeated when the connection was cut during the commit?",
    "How do I run the tests?",
];

// Into a file or a pipe there is no width to ask for.
if (Console.IsOutputRedirected)
    AnsiConsole.Profile.Width = 140;

try
{
    var folder = args.Length > 0 ? new DirectoryInfo(args[0]) : SourceFiles.FindRepository();
    await RunAsync(folder, questions, cancellation.Token);
    return 0;
}
catch (OperationCanceledException)
{
    AnsiConsole.MarkupLine("[yellow]Stopped. What was stored stays; run it again to go on.[/]");
    return 130;
}
catch (Exception exception) when (exception is UnifiedMemoryException or InvalidOperationException or IOException)
{
    AnsiConsole.MarkupLineInterpolated($"[red]{exception.Message}[/]");
    return 1;
}

static async Task RunAsync(DirectoryInfo folder, string[] questions, CancellationToken cancellationToken)
{
    using var timings = new Timings();
    var starting = Stopwatch.StartNew();
    await using var postgres = await LocalPostgres.StartAsync(new LocalPostgresOptions { Persistent = true }, cancellationToken);
    AnsiConsole.MarkupLineInterpolated($"PostgreSQL  {postgres.Origin}, ready in {starting.Elapsed.TotalSeconds:F1} s");

    using var embeddings = await Embeddings.ChooseAsync(cancellationToken);
    await using var store = UnifiedMemoryStore.Create(
        new UnifiedMemoryOptions { ConnectionString = postgres.ConnectionString, SchemaPrefix = embeddings.SchemaPrefix }, embeddings.Provider);
    await store.MigrateAsync(cancellationToken);

    await IngestAsync(store, folder, cancellationToken);
    foreach (var question in questions)
        await AskAsync(store, folder, question, timings, cancellationToken);
}

static async Task IngestAsync(UnifiedMemoryStore store, DirectoryInfo folder, CancellationToken cancellationToken)
{
    var memories = SourceFiles.ReadMemories(folder).ToList();
    IReadOnlyList<StoredMemory> results = [];
    var elapsed = Stopwatch.StartNew();
    await AnsiConsole.Progress().Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn()).StartAsync(async progress =>
    {
        var task = progress.AddTask($"Storing {memories.Count} pieces", maxValue: Math.Max(1, memories.Count));
        results = await store.StoreManyAsync(memories, new Progress<StoreProgress>(report => task.Value = report.Processed), cancellationToken);
        task.Value = task.MaxValue;
    });

    // What an earlier run stored and the files no longer hold is taken out.
    var current = results.Select(result => result.Id).ToHashSet();
    var stale = new List<Guid>();
    await foreach (var memory in store.ListAsync(new MemoryFilter { Namespace = SourceFiles.NamespaceOf(folder) }, cancellationToken))
    {
        if (!current.Contains(memory.Id))
            stale.Add(memory.Id);
    }

    foreach (var id in stale)
        await store.DeleteAsync(id, cancellationToken);

    var outcomes = results.CountBy(result => result.Outcome).ToDictionary();
    int Count(StoreOutcome outcome) => outcomes.GetValueOrDefault(outcome);
    AnsiConsole.MarkupLineInterpolated($"Stored      {Count(StoreOutcome.Created)} new, {Count(StoreOutcome.AlreadyStored)} already there and not stored twice, {Count(StoreOutcome.Rejected)} rejected, {stale.Count} outdated removed, in {elapsed.Elapsed.TotalSeconds:F1} s");
    var statistics = await store.GetStatisticsAsync(cancellationToken);
    AnsiConsole.MarkupLineInterpolated($"Holding     {string.Join(", ", statistics.CountByType.Where(type => type.Value > 0).Select(type => $"{type.Value} {type.Key}"))}");
    foreach (var rejected in results.Where(result => result.Outcome == StoreOutcome.Rejected).Take(3))
        AnsiConsole.MarkupLineInterpolated($"[yellow]  rejected: {rejected.Rejection ?? ""}[/]");
}

static async Task AskAsync(UnifiedMemoryStore store, DirectoryInfo folder, string question, Timings timings, CancellationToken cancellationToken)
{
    timings.Reset();
    var matches = await store.SearchAsync(
        new MemoryQuery(question) { Namespace = SourceFiles.NamespaceOf(folder), Limit = 4 }, cancellationToken);
    var table = new Table { Title = new TableTitle(question.EscapeMarkup()), Border = TableBorder.Rounded, Expand = true };
    table.AddColumn(new TableColumn("Score").RightAligned().NoWrap());
    table.AddColumn(new TableColumn("Similarity").RightAligned().NoWrap());
    table.AddColumn(new TableColumn("Made of"));
    table.AddColumn(new TableColumn("Type").NoWrap());
    table.AddColumn(new TableColumn("Source"));
    table.AddColumn(new TableColumn("Memory"));
    foreach (var match in matches)
    {
        table.AddRow(
            $"{match.Score:F2}",
            $"{match.Similarity:F3}",
            match.Explanation.ToString(),
            match.Record.Type.ToString(),
            $"{match.Record.Metadata["path"]}:{match.Record.Metadata["line"]}".EscapeMarkup(),
            SourceFiles.Excerpt(match.Record.Content).EscapeMarkup());
    }

    table.Caption = new TableTitle($"embedding {timings.Embedding.TotalMilliseconds:F1} ms, search {timings.Search.TotalMilliseconds:F1} ms");
    AnsiConsole.WriteLine();
    AnsiConsole.Write(table);
}
