using UnifiedMemory;

// A private PostgreSQL with pgvector that ends with this program. In production: your own server's connection string.
await using var postgres = await LocalPostgres.StartAsync();

// Words instead of meaning, and no model to install. In production: new OllamaEmbeddingProvider(new OllamaOptions()).
var embeddings = new LexicalEmbeddingProvider();

await using var store = UnifiedMemoryStore.Create(
    new UnifiedMemoryOptions { ConnectionString = postgres.ConnectionString }, embeddings);
await store.MigrateAsync();

await store.StoreAsync(new NewMemory("We chose PostgreSQL: one database is easier to back up than three.", MemoryType.Project)
{
    Kind = "decision",
    Tags = ["database"],
    Metadata = new() { ["decided"] = "2026-03-01", ["votes"] = 5 },
});
await store.StoreAsync(new NewMemory("The deployment workflow failed twice because the disk was full.", MemoryType.Workflow));
await store.StoreAsync(new NewMemory("Ada prefers short answers with an example.", MemoryType.Agent) { AgentId = "assistant" });

var matches = await store.SearchAsync(new MemoryQuery("Which database did we choose, and why?")
{
    Limit = 2,
    Types = [MemoryType.Project, MemoryType.Workflow],
});
foreach (var match in matches)
    Console.WriteLine($"{match.Similarity:F2}  {match.Record.Type,-8}  {match.Record.Content}");
