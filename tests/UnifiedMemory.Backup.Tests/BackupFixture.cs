using System.Text.Json.Nodes;
using Npgsql;

namespace UnifiedMemory.Backup.Tests;

/// <summary>A store with memories, and backups of it in a directory, of each test's own.</summary>
public abstract class BackupFixture
{
    private static int _number;

    protected const int Memories = 60;

    protected string Prefix { get; private set; } = "";

    protected string Schema => Prefix + "memories";

    /// <summary>A directory that the test's files are in.</summary>
    protected string Root { get; private set; } = "";

    protected string TargetPath => Path.Combine(Root, "target");

    protected string WorkPath => Path.Combine(Root, "work");

    protected RecordingEmbeddingProvider Embeddings { get; private set; } = null!;

    protected UnifiedMemoryStore Store { get; private set; } = null!;

    protected virtual string ConnectionString => BackupServer.ConnectionString;

    [SetUp]
    public async Task CreateStoreAsync()
    {
        Prefix = $"b{Interlocked.Increment(ref _number)}_";
        Root = Directory.CreateTempSubdirectory("unimem-test-").FullName;
        SetMode(Root, 0b111_101_101); // a server of another user works below it
        Embeddings = new RecordingEmbeddingProvider();
        Store = UnifiedMemoryStore.Create(StoreOptions(), Embeddings);
        await Store.MigrateAsync();
        await Store.StoreManyAsync(Enumerable.Range(0, Memories).Select(i => new NewMemory($"angle {i * 3}", MemoryType.Rag)
        {
            Namespace = i % 3 == 0 ? "team/one" : "default",
            Metadata = new() { ["n"] = i },
            Tags = ["tag"],
        }));
    }

    [TearDown]
    public async Task DropStoreAsync()
    {
        await Store.DisposeAsync();
        if (BackupServer.Cluster.IsRunning)
            await BackupServer.ExecuteAsync($"DROP SCHEMA IF EXISTS {Schema} CASCADE");
        if (Directory.Exists(Root))
            Directory.Delete(Root, recursive: true);
    }

    protected UnifiedMemoryOptions StoreOptions() => new() { ConnectionString = ConnectionString, SchemaPrefix = Prefix };

    protected BackupOptions NewOptions() => new()
    {
        Target = new DirectoryBackupTarget(TargetPath),
        WorkDirectory = WorkPath,
        // Of the run's own server: a private one takes seconds to start.
        ScratchConnectionString = BackupServer.ConnectionString,
    };

    protected StoreBackup NewBackup(Action<BackupOptions>? configure = null)
    {
        var options = NewOptions();
        configure?.Invoke(options);
        return StoreBackup.Create(StoreOptions(), options);
    }

    /// <summary>Queues an insight for a sink, in a row that has not been tried.</summary>
    protected Task QueueAsync(string table = "insight_outbox") => BackupServer.ExecuteAsync(
        $"INSERT INTO {Schema}.{table} (namespace, memory_id, sink) VALUES ('default', gen_random_uuid(), 'sink')", ConnectionString);

    /// <summary>How often the one that is queued was tried.</summary>
    protected Task<int> AttemptsAsync(string connectionString, string table = "insight_outbox") =>
        BackupServer.ScalarAsync<int>($"SELECT attempts FROM {Schema}.{table}", connectionString);

    protected static void SetMode(string path, int mode)
    {
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, (UnixFileMode)mode);
    }

    protected async Task ChangeManifestAsync(string id, Action<JsonNode> change)
    {
        var path = Path.Combine(TargetPath, id + ".manifest.json");
        var manifest = JsonNode.Parse(await File.ReadAllTextAsync(path))!;
        change(manifest);
        await File.WriteAllTextAsync(path, manifest.ToJsonString());
    }

    protected string[] TargetFiles => Directory.Exists(TargetPath)
        ? [.. Directory.GetFiles(TargetPath).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)] : [];

    protected static string DatabaseOf(string name) => new NpgsqlConnectionStringBuilder(BackupServer.ConnectionString) { Database = name }.ConnectionString;

    protected Task<long> ProgramSessionsAsync() => BackupServer.ScalarAsync<long>(
        $"SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'UnifiedMemory.Backup ________ {Schema}'");
}
