namespace UnifiedMemory.Postgres;

/// <summary>The names of a store's schema and tables, quoted once. The prefix is validated with the options.</summary>
internal sealed class StoreSchema(string prefix)
{
    /// <summary>The schema's name without quotes.</summary>
    public string Name { get; } = prefix + "memories";

    public string Quoted => $"\"{Name}\"";

    public string Memories => $"{Quoted}.memories";

    public string EmbeddingSpace => $"{Quoted}.embedding_space";

    public string InsightArrivals => $"{Quoted}.insight_arrivals";

    public string InsightOutbox => $"{Quoted}.insight_outbox";

    public string VectorIndexes => $"{Quoted}.vector_indexes";

    public string Patterns => $"{Quoted}.patterns";

    public string ProjectDependencies => $"{Quoted}.project_dependencies";

    /// <summary>The function that makes the words of a text, of a memory's and of a query's alike.</summary>
    public string TextVector => $"{Quoted}.text_vector";

    public string SchemaVersions => $"{Quoted}.{SchemaVersionsName}";

    public const string SchemaVersionsName = "schema_versions";
}
