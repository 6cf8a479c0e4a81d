namespace UnifiedMemory.Tests.SessionBuddy;

/// <summary>Session-Buddy's tables as the contract and its history give them.</summary>
internal static class FileLayouts
{
    public const string Current =
        """
        CREATE TABLE reflections_v2 (
            id TEXT PRIMARY KEY, content TEXT NOT NULL, embedding FLOAT[384], category TEXT NOT NULL, subcategory TEXT, importance_score REAL DEFAULT 0.5,
            memory_tier TEXT DEFAULT 'long_term', tags TEXT[], related_entities TEXT[], timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP, project TEXT,
            namespace TEXT DEFAULT 'default', access_count INTEGER DEFAULT 0, last_accessed TIMESTAMP, created_at TIMESTAMP, updated_at TIMESTAMP,
            insight_type TEXT, usage_count INTEGER DEFAULT 0, last_used_at TIMESTAMP, confidence_score REAL, fingerprint BLOB, metadata JSON);
        """;

    public const string EarlyCurrent =
        """
        CREATE TABLE reflections_v2 (
            id TEXT PRIMARY KEY, content TEXT NOT NULL, embedding FLOAT[384], category TEXT NOT NULL, importance_score REAL DEFAULT 0.5,
            memory_tier TEXT DEFAULT 'long_term', tags TEXT[], related_entities TEXT[], timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP, project TEXT,
            namespace TEXT DEFAULT 'default', access_count INTEGER DEFAULT 0, last_accessed TIMESTAMP);
        """;

    public const string CurrentConversations =
        """
        CREATE TABLE conversations_v2 (
            id TEXT PRIMARY KEY, content TEXT NOT NULL, embedding FLOAT[384], category TEXT NOT NULL, subcategory TEXT, importance_score REAL DEFAULT 0.5,
            memory_tier TEXT DEFAULT 'long_term', access_count INTEGER DEFAULT 0, last_accessed TIMESTAMP, project TEXT, namespace TEXT DEFAULT 'default',
            timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP, session_id TEXT, user_id TEXT DEFAULT 'default', searchable_content TEXT, reasoning TEXT);
        """;

    public const string Projects =
        """
        CREATE TABLE intelligence_cross_project_patterns (
            id TEXT PRIMARY KEY, pattern_type TEXT NOT NULL, project_id TEXT, context_snapshot JSON NOT NULL, solution_snapshot JSON NOT NULL,
            outcome_score FLOAT NOT NULL, created_at TIMESTAMP NOT NULL, last_applied TIMESTAMP, application_count INTEGER NOT NULL DEFAULT 0,
            tags JSON NOT NULL DEFAULT '[]');
        CREATE TABLE project_groups (
            id VARCHAR PRIMARY KEY, name VARCHAR NOT NULL, description TEXT, projects VARCHAR[] NOT NULL, created_at TIMESTAMP DEFAULT NOW(), metadata JSON);
        CREATE TABLE project_dependencies (
            id VARCHAR PRIMARY KEY, source_project VARCHAR NOT NULL, target_project VARCHAR NOT NULL, dependency_type VARCHAR NOT NULL, description TEXT,
            created_at TIMESTAMP DEFAULT NOW(), metadata JSON, UNIQUE(source_project, target_project, dependency_type));
        """;

    /// <summary>Until June 2026.</summary>
    public static string Former(string collection = "default") =>
        $"""
        CREATE TABLE {collection}_conversations (
            id VARCHAR PRIMARY KEY, content TEXT NOT NULL, metadata JSON, created_at TIMESTAMP NOT NULL, updated_at TIMESTAMP NOT NULL, embedding FLOAT[384]);
        CREATE TABLE {collection}_reflections (
            id VARCHAR PRIMARY KEY, conversation_id VARCHAR, content TEXT NOT NULL, tags VARCHAR[], metadata JSON, created_at TIMESTAMP NOT NULL,
            updated_at TIMESTAMP NOT NULL, embedding FLOAT[384], insight_type VARCHAR DEFAULT 'general', usage_count INTEGER DEFAULT 0,
            last_used_at TIMESTAMP, confidence_score REAL DEFAULT 0.5,
            FOREIGN KEY (conversation_id) REFERENCES {collection}_conversations(id));
        """;
}
