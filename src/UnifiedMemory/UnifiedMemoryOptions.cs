namespace UnifiedMemory;

/// <summary>Settings of one store. They are checked together when the store is made; every mistake is reported at once.</summary>
public sealed class UnifiedMemoryOptions
{
    /// <summary>
    /// Where the database is, as an Npgsql connection string. Several hosts are allowed: a primary is looked for, again after
    /// each failure, with a <c>Timeout</c> of 5 s for each host unless the string names one. What these options name (application
    /// name, pool, time-outs) takes the place of what it says; an ambient transaction is not joined. Required.
    /// </summary>
    public string ConnectionString { get; set; } = "";

    /// <summary>
    /// Put in front of the schema's name, so that several stores share a database: with <c>blue_</c> the schema is
    /// <c>blue_memories</c>. A lower-case letter, then up to 31 of <c>a-z 0-9 _</c>. Default: empty.
    /// </summary>
    public string SchemaPrefix { get; set; } = "";

    /// <summary>The name that the server shows for the store's sessions. Default: <c>UnifiedMemory</c>.</summary>
    public string ApplicationName { get; set; } = "UnifiedMemory";

    /// <summary>Connections kept open when idle, 0 or more. Default: 0.</summary>
    public int MinPoolSize { get; set; }

    /// <summary>
    /// Connections in use at most, over all hosts, 1 to 1,000. Callers beyond them wait in order. More is not faster: on two cores 20 to 50 were best
    /// for a thousand callers. Must stay below the server's <c>max_connections</c>, over all processes. Default: 20.
    /// </summary>
    public int MaxPoolSize { get; set; } = 20;

    /// <summary>How long a caller waits for a connection before it is told that the store is busy. Default: 30 s.</summary>
    public TimeSpan AcquisitionTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How old a pooled connection may get. Default: 3600 s.</summary>
    public TimeSpan ConnectionLifetime { get; set; } = TimeSpan.FromSeconds(3600);

    /// <summary>How long one statement may take. Default: 30 s.</summary>
    public TimeSpan CommandTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long an operation is tried again while the database restarts, fails over or is full. Default: 40 s.
    /// </summary>
    public TimeSpan RetryBudget { get; set; } = TimeSpan.FromSeconds(40);

    /// <summary>
    /// Whether statements are prepared on the server. Turn it off behind a pooler in transaction mode (pgbouncer),
    /// where prepared statements get lost. Default: on.
    /// </summary>
    public bool AutoPrepare { get; set; } = true;

    /// <summary>What a host does about the schema when it starts. Default: <see cref="MigrateOnStart.Off"/>.</summary>
    public MigrateOnStart MigrateOnStart { get; set; }

    /// <summary>The largest content, in bytes of UTF-8, 1 to 64 MiB. Default: 1 MiB (1,048,576).</summary>
    public int MaxContentBytes { get; set; } = 1024 * 1024;

    /// <summary>
    /// Memories in one round trip of <c>StoreManyAsync</c>, 1 to 10,000. It holds three such batches in memory. Default: 500.
    /// </summary>
    public int StoreBatchSize { get; set; } = 500;

    /// <summary>Vectors of recent queries that are kept, 0 for none. Default: 1024, which is 3 MiB at 768 dimensions.</summary>
    public int QueryCacheSize { get; set; } = 1024;

    /// <summary>How often a host deletes expired memories; zero for never. Default: 1 hour.</summary>
    public TimeSpan PurgeInterval { get; set; } = TimeSpan.FromHours(1);

    /// <summary>
    /// The text search configuration of PostgreSQL, which is the language whose word forms and stop words it knows, for example
    /// <c>english</c>, <c>german</c>, or <c>simple</c> for none. Fixed when the store is migrated. Default: <c>english</c>.
    /// </summary>
    public string TextSearchConfiguration { get; set; } = "english";

    /// <summary>
    /// With several hosts in the connection string: searches go to a standby where one answers, and else, like everything else,
    /// to the primary. A standby lags behind; <see cref="MemoryQuery.ReadYourWrites"/> asks the primary. Default: off.
    /// </summary>
    public bool PreferStandby { get; set; }

    /// <summary>When and how vector indexes are built and tuned.</summary>
    public IndexMaintenanceOptions Indexes { get; set; } = new();

    /// <summary>What an HNSW index is like.</summary>
    public HnswOptions Hnsw { get; set; } = new();

    /// <summary>Which insights are found in memories, and how they are delivered to the sinks.</summary>
    public InsightOptions Insights { get; set; } = new();

    /// <summary>A copy that later changes do not reach.</summary>
    internal UnifiedMemoryOptions Copy()
    {
        var copy = (UnifiedMemoryOptions)MemberwiseClone();
        copy.Hnsw = Hnsw.Copy();
        copy.Indexes = Indexes.Copy();
        copy.Insights = Insights.Copy();
        return copy;
    }
}
