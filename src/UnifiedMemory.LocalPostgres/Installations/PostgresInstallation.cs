namespace UnifiedMemory.Installations;

/// <summary>A local PostgreSQL that has pgvector.</summary>
/// <param name="BinDirectory">The directory of <c>initdb</c>, <c>postgres</c> and <c>pg_ctl</c>.</param>
/// <param name="Version">PostgreSQL's version.</param>
/// <param name="PgvectorVersion">The version that <c>CREATE EXTENSION</c> would create.</param>
internal sealed record PostgresInstallation(string BinDirectory, Version Version, string PgvectorVersion)
{
    public string Program(string name) => Path.Combine(BinDirectory, name);
}
