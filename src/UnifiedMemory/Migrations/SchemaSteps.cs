using System.Text;
using UnifiedMemory.Indexing;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Migrations;

/// <summary>
/// The schema, step by step. A released step never changes; a change is a new step. The embedding space comes and goes with
/// the vectors, or else other vectors could be mixed with them after going down, or after a kill between the two.
/// </summary>
internal static class SchemaSteps
{
    public static IReadOnlyList<SchemaStep> All(StoreSchema schema, EmbeddingSpace space, HnswOptions hnsw)
    {
        var vectorIndex = new VectorIndex(schema, hnsw);
        return
        [
            new SchemaStep(
                1, "memories and their embedding space",
                $"""
                CREATE TABLE {schema.Memories} (
                    namespace text NOT NULL,
                    id uuid NOT NULL,
                    memory_type text NOT NULL CHECK (memory_type IN ({TypeList()})),
                    kind text,
                    content text NOT NULL,
                    content_hash bytea NOT NULL CHECK (octet_length(content_hash) = 32),
                    identity_hash bytea NOT NULL CHECK (octet_length(identity_hash) = 32),
                    embedding vector({space.Dimensions}) NOT NULL,
                    metadata jsonb NOT NULL DEFAULT jsonb_build_object(),
                    tags text[] NOT NULL DEFAULT ARRAY[]::text[],
                    source_system text,
                    agent_id text,
                    session_id text,
                    workflow_id text,
                    importance real NOT NULL DEFAULT 0.5 CHECK (importance BETWEEN 0 AND 1),
                    created_at timestamptz NOT NULL DEFAULT now(),
                    updated_at timestamptz NOT NULL DEFAULT now(),
                    expires_at timestamptz,
                    PRIMARY KEY (namespace, id),
                    CONSTRAINT memories_identity UNIQUE (namespace, identity_hash));
                {VectorStorage(schema, space.Dimensions)}
                CREATE INDEX memories_id ON {schema.Memories} (id);
                CREATE INDEX memories_created ON {schema.Memories} (namespace, memory_type, created_at DESC);
                CREATE INDEX memories_metadata ON {schema.Memories} USING gin (metadata jsonb_path_ops);
                CREATE INDEX memories_tags ON {schema.Memories} USING gin (tags);
                CREATE INDEX memories_expiry ON {schema.Memories} (expires_at) WHERE expires_at IS NOT NULL;
                CREATE TABLE {schema.EmbeddingSpace} (
                    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
                    provider text NOT NULL,
                    model text NOT NULL,
                    dimensions int NOT NULL,
                    digest text,
                    document_prefix text NOT NULL,
                    query_prefix text NOT NULL,
                    created_at timestamptz NOT NULL DEFAULT now());
                INSERT INTO {schema.EmbeddingSpace} (provider, model, dimensions, digest, document_prefix, query_prefix)
                VALUES ({Literal(space.Provider)}, {Literal(space.Model)}, {space.Dimensions}, {Literal(space.Digest)},
                        {Literal(space.DocumentPrefix)}, {Literal(space.QueryPrefix)})
                """,
                $"DROP TABLE {schema.EmbeddingSpace}; DROP TABLE {schema.Memories}"),

            new SchemaStep(2, "vector index", vectorIndex.Create, vectorIndex.Drop),
        ];
    }

    /// <summary>
    /// Vectors in line instead of in TOAST: an exact scan takes 0.38 of the time. A row must then fit into a page of 8 KiB, so
    /// vectors that would leave no room for the other columns stay in TOAST. Other columns stay beside the vector as long as
    /// as many rows fit into a page; the default target of 2 kB would push every other column out, since no row meets it.
    /// </summary>
    private static string VectorStorage(StoreSchema schema, int dimensions)
    {
        const int pageBytes = 8160;
        const int otherBytes = 700;
        var vectorBytes = (4 * dimensions) + 8;
        if (vectorBytes > pageBytes - 2 * otherBytes)
            return "";
        var rowsPerPage = Math.Max(1, pageBytes / (vectorBytes + otherBytes));
        return $"""
            ALTER TABLE {schema.Memories} ALTER COLUMN embedding SET STORAGE PLAIN;
            ALTER TABLE {schema.Memories} SET (toast_tuple_target = {Math.Max(2040, pageBytes / rowsPerPage)});
            """;
    }

    /// <summary>A step has no parameters. In hexadecimal digits no text can be taken for SQL, or for a token of FluentMigrator.</summary>
    private static string Literal(string? text) =>
        text is null ? "NULL" : $"convert_from(decode('{Convert.ToHexStringLower(Encoding.UTF8.GetBytes(text))}', 'hex'), 'UTF8')";

    private static string TypeList() => string.Join(", ", MemoryTypeNames.All.Select(name => $"'{name}'"));
}
