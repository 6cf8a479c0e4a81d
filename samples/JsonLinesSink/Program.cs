using UnifiedMemory;

await using var postgres = await LocalPostgres.StartAsync();
var file = Path.Combine(Path.GetTempPath(), $"insights-{Guid.NewGuid():N}.jsonl");

// In a host: services.AddUnifiedMemory(…).AddInsightSink(_ => new JsonLinesSink(file))
using var sink = new JsonLinesSink(file);
await using var store = UnifiedMemoryStore.Create(
    new UnifiedMemoryOptions { ConnectionString = postgres.ConnectionString }, new LexicalEmbeddingProvider(), insightSinks: [sink]);
await store.MigrateAsync();

// An insight as such, a memory that is marked as one, and one that is found in a text.
await store.StoreAsync(new NewMemory("Retries without jitter arrive together.", MemoryType.Insight));
await store.StoreAsync(new NewMemory("We chose one database over three.", MemoryType.Project) { Insight = new() { Type = InsightType.Architecture } });
await store.StoreAsync(new NewMemory(
    $"""
    The deployment works now.
    ★ Insight ─────────────────────────────────────
    Always take the lock before you read the version of the database, or else two hosts migrate.
    {new string('─', 49)}
    """,
    MemoryType.Rag));

// A host does this in the background.
var done = await store.DispatchPendingAsync();
Console.WriteLine($"{done.Delivered} insights in {file}:");
Console.Write(await File.ReadAllTextAsync(file));
File.Delete(file);
return done.Delivered == 3 ? 0 : 1;
