using UnifiedMemory.Backup.Physical;
using UnifiedMemory.TestSupport;

namespace UnifiedMemory.Backup.Tests;

/// <summary>A server of the class's own that archives its log.</summary>
public abstract class ArchivingFixture : BackupFixture
{
    protected PostgresCluster Cluster { get; private set; } = null!;

    /// <summary>The directory of the archive.</summary>
    protected string Archive { get; private set; } = "";

    protected string[] Archived => [.. Directory.GetFiles(Archive).Select(path => Path.GetFileName(path)!)];

    protected override string ConnectionString => Cluster.ConnectionString;

    [OneTimeSetUp]
    public async Task StartClusterAsync()
    {
        Archive = Directory.CreateTempSubdirectory("unimem-archive-").FullName;
        SetMode(Archive, 0b111_111_111); // the server's user writes
        Cluster = await PostgresCluster.StartAsync(new Dictionary<string, string>
        {
            ["archive_mode"] = "on",
            ["archive_command"] = WalArchiving.ArchiveCommand(Archive),
        });
    }

    [OneTimeTearDown]
    public async Task StopClusterAsync()
    {
        if (Cluster is not null)
            await Cluster.DisposeAsync();
        Directory.Delete(Archive, recursive: true);
    }

    protected StoreBackup NewPhysical() => NewBackup(options => options.WalArchive = Archive);

    protected Task<T> ScalarAsync<T>(string sql) => BackupServer.ScalarAsync<T>(sql, ConnectionString);

    /// <summary>Everything up to now is in the archive when it returns.</summary>
    /// <returns>The segment that was archived last.</returns>
    protected async Task<string> ArchiveAsync()
    {
        var file = await ScalarAsync<string>("SELECT pg_walfile_name(pg_logical_emit_message(true, 'test', 'x'))");
        await BackupServer.ExecuteAsync("SELECT pg_switch_wal()", ConnectionString);
        await Eventually.TrueAsync(() => File.Exists(Path.Combine(Archive, file)), $"{file} is archived");
        return file;
    }

    protected static string Detail(VerificationReport report, string check) => report.Checks.Single(one => one.Name == check).Detail;
}
