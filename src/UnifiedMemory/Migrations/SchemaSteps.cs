using System.Text;
using UnifiedMemory.Postgres;

namespace UnifiedMemory.Migrations;

/// <summary>
/// The schema, step by step. A released step never changes; a change is a new step. The embedding space comes and goes with
/// the vectors, or else other vectors could be mixed with them after going down, or after a kill between the two.
/// </summary>
internal static class SchemaSteps
{
    public static IReadOnlyList<SchemaStep> All(StoreSchema schema, EmbeddingSpace space, string textConfiguration) =>
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
                CREATE INDEX memories_agent ON {schema.Memories} (namespace, agent_id) WHERE agent_id IS NOT NULL;
                CREATE INDEX memories_session ON {schema.Memories} (namespace, session_id, created_at, id) WHERE session_id IS NOT NULL;
                CREATE INDEX memories_workflow ON {schema.Memories} (namespace, workflow_id) WHERE workflow_id IS NOT NULL;
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

            new SchemaStep(
                2, "text search",
                $$"""
                CREATE FUNCTION {{schema.TextVector}}(content text) RETURNS tsvector LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $function$
                    SELECT pg_catalog.to_tsvector('{{textConfiguration}}'::pg_catalog.regconfig, {{SplitWords}})
                $function$;
                COMMENT ON FUNCTION {{schema.TextVector}}(text) IS '{{textConfiguration}}';
                ALTER TABLE {{schema.Memories}} ADD COLUMN content_tsv tsvector GENERATED ALWAYS AS ({{schema.TextVector}}(content)) STORED;
                ALTER TABLE {{schema.Memories}} ALTER COLUMN content_tsv SET STORAGE MAIN;
                CREATE INDEX memories_text ON {{schema.Memories}} USING gin (content_tsv);
                """,
                $"""
                ALTER TABLE {schema.Memories} DROP COLUMN content_tsv;
                DROP FUNCTION {schema.TextVector}(text);
                """),

            // The indexes themselves come and go with index maintenance, since they are best built when there is something in them.
            new SchemaStep(
                3, "register of vector indexes",
                $"""
                CREATE TABLE {schema.VectorIndexes} (
                    name text PRIMARY KEY,
                    memory_type text,
                    method text NOT NULL CHECK (method IN ('hnsw', 'ivfflat')),
                    half_precision boolean NOT NULL,
                    lists int NOT NULL DEFAULT 0,
                    rows bigint NOT NULL,
                    bytes bigint NOT NULL DEFAULT 0,
                    build_seconds real,
                    built_at timestamptz NOT NULL DEFAULT now(),
                    effort int NOT NULL,
                    recall real,
                    target_recall double precision,
                    measured_at timestamptz,
                    measured_rows bigint,
                    own_scans bigint NOT NULL DEFAULT 0)
                """,
                $"""
                DO $drop$ DECLARE built record; BEGIN
                    FOR built IN SELECT indexrelid::regclass AS name FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
                        WHERE indrelid = '{schema.Memories}'::regclass AND relname LIKE 'memories\_embedding%' LOOP
                        EXECUTE format('DROP INDEX %s', built.name);
                    END LOOP;
                END $drop$;
                DROP TABLE {schema.VectorIndexes}
                """),

            // A row goes with its delivery, so the table is as large as the backlog; that it is vacuumed by the thousand keeps its
            // beginning cheap to find.
            new SchemaStep(
                4, "outbox of insights",
                $"""
                CREATE TABLE {schema.InsightOutbox} (
                    namespace text NOT NULL,
                    memory_id uuid NOT NULL,
                    sink text NOT NULL,
                    content text NOT NULL,
                    insight_type text NOT NULL,
                    confidence double precision NOT NULL,
                    topics text[] NOT NULL,
                    projects text[] NOT NULL,
                    source_id uuid,
                    created_at timestamptz NOT NULL,
                    queued_at timestamptz NOT NULL DEFAULT now(),
                    due_at timestamptz NOT NULL DEFAULT now(),
                    attempts int NOT NULL DEFAULT 0,
                    failures int NOT NULL DEFAULT 0,
                    lease_id uuid,
                    leased_until timestamptz,
                    parked_at timestamptz,
                    in_outage boolean NOT NULL DEFAULT false,
                    last_error text,
                    PRIMARY KEY (namespace, memory_id, sink))
                    WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
                CREATE INDEX insight_outbox_pending ON {schema.InsightOutbox} (sink, namespace, queued_at, memory_id) WHERE parked_at IS NULL;
                CREATE INDEX insight_outbox_outage ON {schema.InsightOutbox} (sink) WHERE in_outage;
                """,
                $"DROP TABLE {schema.InsightOutbox}"),

            new SchemaStep(
                5, "patterns and dependencies of projects",
                $"""
                CREATE TABLE {schema.Patterns} (
                    namespace text NOT NULL,
                    id uuid NOT NULL,
                    identity_hash bytea NOT NULL CHECK (octet_length(identity_hash) = 32),
                    pattern_type text NOT NULL,
                    project_id text,
                    context jsonb NOT NULL,
                    solution jsonb NOT NULL,
                    outcome_score double precision NOT NULL CHECK (outcome_score BETWEEN 0 AND 1),
                    application_count int NOT NULL DEFAULT 0 CHECK (application_count >= 0),
                    last_applied timestamptz,
                    tags text[] NOT NULL DEFAULT ARRAY[]::text[],
                    created_at timestamptz NOT NULL DEFAULT now(),
                    PRIMARY KEY (namespace, id),
                    CONSTRAINT patterns_identity UNIQUE (namespace, identity_hash));
                CREATE TABLE {schema.ProjectDependencies} (
                    namespace text NOT NULL,
                    source text NOT NULL,
                    target text NOT NULL,
                    dependency_type text NOT NULL CHECK (dependency_type IN ({DependencyTypeList()})),
                    id uuid NOT NULL,
                    description text,
                    metadata jsonb NOT NULL DEFAULT jsonb_build_object(),
                    created_at timestamptz NOT NULL DEFAULT now(),
                    PRIMARY KEY (namespace, source, target, dependency_type));
                CREATE INDEX project_dependencies_target ON {schema.ProjectDependencies} (namespace, target);
                """,
                $"DROP TABLE {schema.ProjectDependencies}; DROP TABLE {schema.Patterns}"),

            new SchemaStep(
                6, "measured reserve of vector indexes",
                $"ALTER TABLE {schema.VectorIndexes} ADD COLUMN reserve real",
                $"ALTER TABLE {schema.VectorIndexes} DROP COLUMN reserve"),

            // Holds what is being delivered just now: no row enters it when it is inserted.
            new SchemaStep(
                7, "leases of insights",
                $"CREATE INDEX insight_outbox_leased ON {schema.InsightOutbox} (sink, namespace) WHERE lease_id IS NOT NULL",
                $"DROP INDEX {schema.Quoted}.insight_outbox_leased"),

            new SchemaStep(8, "arrivals of insights", ArrivalsUp(schema), ArrivalsDown(schema)),

            new SchemaStep(
                9, "first effort of vector indexes",
                $"ALTER TABLE {schema.VectorIndexes} ADD COLUMN first_effort int",
                $"ALTER TABLE {schema.VectorIndexes} DROP COLUMN first_effort"),
        ];

    /// <summary>
    /// The text that a sink is told is in the memory, which stays for as long as its insight waits. A store call adds a row to the arrivals,
    /// which have no index (what one costs is in benchmarks/README.md). Without a key, logical replication needs the whole row.
    /// </summary>
    private static string ArrivalsUp(StoreSchema schema) =>
        $"""
        LOCK TABLE {schema.Memories} IN SHARE MODE;
        LOCK TABLE {schema.InsightOutbox};
        DO $check$ DECLARE purged bigint; BEGIN
            SELECT count(*) INTO purged FROM {schema.InsightOutbox} AS queued
            WHERE NOT EXISTS (SELECT FROM {schema.Memories} AS stored WHERE stored.namespace = queued.namespace AND stored.id = queued.memory_id);
            IF purged > 0 THEN
                RAISE EXCEPTION '%', purged || ' insights wait for a sink whose memories have been purged, and this version would lose them. Deliver them with the version that queued them, or give them up: '
                    'DELETE FROM {schema.InsightOutbox} AS queued WHERE NOT EXISTS (SELECT FROM {schema.Memories} AS stored WHERE stored.namespace = queued.namespace AND stored.id = queued.memory_id);';
            END IF;
        END $check$;
        ALTER TABLE {schema.InsightOutbox} ADD COLUMN details jsonb;
        UPDATE {schema.InsightOutbox} SET details = jsonb_strip_nulls(jsonb_build_object(
                'type', insight_type, 'confidence', confidence, 'topics', to_jsonb(topics), 'projects', to_jsonb(projects), 'source', source_id))
            WHERE (insight_type, confidence, cardinality(topics), cardinality(projects)) <> ('general', 0.5, 0, 0) OR source_id IS NOT NULL;
        ALTER TABLE {schema.InsightOutbox}
            DROP COLUMN content, DROP COLUMN insight_type, DROP COLUMN confidence, DROP COLUMN topics, DROP COLUMN projects,
            DROP COLUMN source_id, DROP COLUMN created_at;
        CREATE TABLE {schema.InsightArrivals} (
            namespace text NOT NULL,
            memory_id uuid NOT NULL,
            sink text NOT NULL,
            details jsonb,
            attempts int NOT NULL DEFAULT 0,
            queued_at timestamptz NOT NULL DEFAULT now())
            WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
        ALTER TABLE {schema.InsightArrivals} REPLICA IDENTITY FULL
        """;

    /// <summary>Of an insight of which nothing was said the older version knows nothing.</summary>
    private static string ArrivalsDown(StoreSchema schema) =>
        $"""
        LOCK TABLE {schema.Memories} IN SHARE MODE;
        LOCK TABLE {schema.InsightArrivals}, {schema.InsightOutbox};
        INSERT INTO {schema.InsightOutbox} (namespace, memory_id, sink, details, attempts, queued_at)
            SELECT namespace, memory_id, sink, details, attempts, queued_at FROM {schema.InsightArrivals} ON CONFLICT DO NOTHING;
        DROP TABLE {schema.InsightArrivals};
        DELETE FROM {schema.InsightOutbox} AS queued
            WHERE NOT EXISTS (SELECT FROM {schema.Memories} AS stored WHERE stored.namespace = queued.namespace AND stored.id = queued.memory_id);
        ALTER TABLE {schema.InsightOutbox}
            ADD COLUMN content text, ADD COLUMN insight_type text, ADD COLUMN confidence double precision, ADD COLUMN topics text[],
            ADD COLUMN projects text[], ADD COLUMN source_id uuid, ADD COLUMN created_at timestamptz;
        UPDATE {schema.InsightOutbox} AS queued SET
            content = stored.content, created_at = stored.created_at,
            insight_type = COALESCE(details ->> 'type', 'general'), confidence = COALESCE((details ->> 'confidence')::float8, 0.5),
            topics = ARRAY (SELECT jsonb_array_elements_text(details -> 'topics')),
            projects = ARRAY (SELECT jsonb_array_elements_text(details -> 'projects')),
            source_id = (details ->> 'source')::uuid
            FROM {schema.Memories} AS stored WHERE stored.namespace = queued.namespace AND stored.id = queued.memory_id;
        ALTER TABLE {schema.InsightOutbox}
            DROP COLUMN details, ALTER COLUMN content SET NOT NULL, ALTER COLUMN insight_type SET NOT NULL, ALTER COLUMN confidence SET NOT NULL,
            ALTER COLUMN topics SET NOT NULL, ALTER COLUMN projects SET NOT NULL, ALTER COLUMN created_at SET NOT NULL
        """;

    /// <summary>
    /// Words and the parts of identifiers: <c>getUserName</c>, <c>os.path_join</c>, <c>HTTPServer</c> are found by their parts, and by
    /// themselves, since a query is split in the same way. Only the first 100,000 characters: <c>to_tsvector</c> fails with 54000 on too
    /// many distinct words. ASCII by number: what a class such as <c>[[:punct:]]</c> holds depends on the locale.
    /// </summary>
    private const string SplitWords =
        """
        pg_catalog.regexp_replace(pg_catalog.regexp_replace(pg_catalog.regexp_replace(
            pg_catalog.left(content, 100000),
            '([a-z0-9])([A-Z])', '\1 \2', 'g'),
            '([A-Z])([A-Z][a-z])', '\1 \2', 'g'),
            '[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+', ' ', 'g')
        """;

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

    private static string DependencyTypeList() => string.Join(", ", DependencyTypeNames.All.Select(name => $"'{name}'"));
}
