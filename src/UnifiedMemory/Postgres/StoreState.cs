namespace UnifiedMemory.Postgres;

/// <summary>What a database says about the store in it.</summary>
/// <param name="Applied">Versions of the schema that are applied, ascending.</param>
/// <param name="Space">The embedding space that was recorded; <c>null</c> before the first migration.</param>
/// <param name="TextConfiguration">The text search configuration that its words were made with; <c>null</c> before that step.</param>
/// <param name="PgvectorVersion">The version of the extension in this database; <c>null</c> where it is not created.</param>
/// <param name="PgvectorHiddenIn">The schema that the extension is in, where that is not on the search path.</param>
/// <param name="IsDistributed">Whether this database is spread over several servers, or may be: it has Citus.</param>
/// <param name="MaxConnections">The server's limit.</param>
/// <param name="ReservedConnections">Of these, kept for superusers.</param>
internal sealed record StoreState(
    IReadOnlyList<long> Applied, EmbeddingSpace? Space, string? TextConfiguration, Version? PgvectorVersion, string? PgvectorHiddenIn,
    bool IsDistributed, int MaxConnections, int ReservedConnections)
{
    /// <summary>The highest version that is applied; 0 for none.</summary>
    public long Version => Applied.Count == 0 ? 0 : Applied[^1];
}
