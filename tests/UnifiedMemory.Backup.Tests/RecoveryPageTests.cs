using System.Diagnostics;
using System.Globalization;
using System.Text;
using Npgsql;
using UnifiedMemory.Backup.Physical;
using UnifiedMemory.TestSupport;

namespace UnifiedMemory.Backup.Tests;

/// <summary>The commands of docs/recovery.md, run as they stand there, by the user that an operator would be.</summary>
[NonParallelizable]
public sealed class RecoveryPageTests : BackupFixture
{
    private PostgresCluster _cluster = null!;
    private string _archive = "";

    protected override string ConnectionString => _cluster.ConnectionString;

    [OneTimeSetUp]
    public async Task StartClusterAsync()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Ignore("the page is for Linux");
        _archive = Directory.CreateTempSubdirectory("unimem-archive-").FullName;
        SetMode(_archive, 0b111_111_111);
        _cluster = await PostgresCluster.StartAsync(new Dictionary<string, string>
        {
            ["archive_mode"] = "on",
            ["archive_command"] = WalArchiving.ArchiveCommand(_archive),
        });
        await BackupServer.ExecuteAsync("CREATE ROLE app LOGIN PASSWORD 'app'", ConnectionString);
    }

    [OneTimeTearDown]
    public async Task StopClusterAsync()
    {
        if (_cluster is not null)
            await _cluster.DisposeAsync();
        if (_archive.Length > 0)
            Directory.Delete(_archive, recursive: true);
    }

    [Test]
    public async Task Part_A_restores_the_store_into_a_new_database()
    {
        await QueueAsync();
        await QueueAsync("insight_arrivals");
        var report = await NewBackup().RunAsync();
        Assert.That(report!.Passed, report.ToString());

        var output = await RunAsync("A", new() { ["NEW_DATABASE"] = "restored" });

        Assert.That(output, Does.Contain(report.Id).And.Contain($"{report.Id}.dump: OK").And.Contain($"\n{Memories}|"));
        var app = new NpgsqlConnectionStringBuilder(ConnectionString) { Database = "restored", Username = "app", Password = "app" }.ConnectionString;
        await using var store = UnifiedMemoryStore.Create(
            new UnifiedMemoryOptions { ConnectionString = app, SchemaPrefix = Prefix }, Embeddings);
        Assert.That(await store.SearchAsync(new MemoryQuery("angle 30")), Is.Not.Empty, "the application's role can use it");
        await store.StoreAsync(new NewMemory("after the restore", MemoryType.Agent));
        Assert.That(await AttemptsAsync(app), Is.EqualTo(1));
        Assert.That(await AttemptsAsync(app, "insight_arrivals"), Is.EqualTo(1));
    }

    [Test]
    public async Task Part_B_restores_the_server_to_a_moment()
    {
        await QueueAsync();
        await QueueAsync("insight_arrivals");
        var backup = NewBackup();
        var manifest = await backup.TakeAsync(BackupKind.Physical);
        Assert.That((await backup.VerifyAsync(manifest.Id)).Passed);
        var moment = DateTime.MinValue;
        var late = NewBackup(options => options.Target = new HeldTarget(options.Target!, ".tar.gz", async _ =>
        {
            await BackupServer.ScalarAsync<object>("SELECT pg_sleep(1.1)", ConnectionString);
            moment = await BackupServer.ScalarAsync<DateTime>("SELECT clock_timestamp()", ConnectionString);
        }));
        Assert.That((await late.RunAsync(BackupKind.Physical))!.Passed, "it is begun before the moment, and finished after it");
        await Store.DeleteManyAsync(new MemoryFilter { Namespace = "*" });
        var file = await BackupServer.ScalarAsync<string>("SELECT pg_walfile_name(pg_current_wal_lsn())", ConnectionString);
        await BackupServer.ExecuteAsync("SELECT pg_switch_wal()", ConnectionString);
        await Eventually.TrueAsync(() => File.Exists(Path.Combine(_archive, file)), "the log is archived");
        var data = Path.Combine(Root, "shared", "restored");
        Directory.CreateDirectory(Path.GetDirectoryName(data)!);
        SetMode(Path.GetDirectoryName(data)!, 0b111_111_111);

        var output = await RunAsync("B", new()
        {
            ["DATA"] = data,
            ["CONFIG"] = await ConfigurationAsync(),
            ["ARCHIVE"] = _archive,
            ["NEW_PORT"] = "54399",
            ["TARGET_TIME"] = moment.ToString("yyyy-MM-dd HH:mm:ss.ffffff+00", CultureInfo.InvariantCulture),
        });

        Assert.That(output, Does.Contain(manifest.Id).And.EndWith("f\n"));
        Assert.That(await File.ReadAllTextAsync(Path.Combine(data, "postgresql.auto.conf")), Does.Not.Contain("recovery_target"));
        Assert.That(await File.ReadAllTextAsync(Path.Combine(data, "postgresql.conf")), Does.Contain("include_dir").And.Not.Contain(_cluster.DataDirectory));
        await using var restored = await RestoredServer.StartAsync(_cluster, data);
        Assert.That(await BackupServer.ScalarAsync<long>($"SELECT count(*) FROM {Schema}.memories", restored.ConnectionString), Is.EqualTo(Memories));
        Assert.That(await AttemptsAsync(restored.ConnectionString), Is.EqualTo(1));
        Assert.That(await AttemptsAsync(restored.ConnectionString, "insight_arrivals"), Is.EqualTo(1));
    }

    /// <returns>A directory as Debian's packages make it: its file names the places of the old server.</returns>
    private async Task<string> ConfigurationAsync()
    {
        var directory = Path.Combine(Root, "etc");
        Directory.CreateDirectory(Path.Combine(directory, "conf.d"));
        await File.WriteAllTextAsync(
            Path.Combine(directory, "postgresql.conf"),
            $"""
            data_directory = '{_cluster.DataDirectory}'
            hba_file = '{_cluster.DataDirectory}/pg_hba.conf'
            ident_file = '{_cluster.DataDirectory}/pg_ident.conf'
            external_pid_file = '{_cluster.DataDirectory}/main.pid'
            include_dir = 'conf.d'

            """);
        foreach (var name in new[] { "pg_hba.conf", "pg_ident.conf" })
            await File.WriteAllTextAsync(Path.Combine(directory, name), await File.ReadAllTextAsync(Path.Combine(_cluster.DataDirectory, name)));
        return directory;
    }

    /// <summary>The blocks of one part as one script, under what the page's first block would set.</summary>
    private async Task<string> RunAsync(string part, Dictionary<string, string> variables)
    {
        var connection = new NpgsqlConnectionStringBuilder(ConnectionString);
        var script = new StringBuilder("set -euo pipefail\n");
        foreach (var line in Commands(await File.ReadAllLinesAsync(Path.Combine(RepositoryRoot(), "docs", "recovery.md")), part))
            script.Append(line).Append('\n');
        Assert.That(script.Length, Is.GreaterThan(100), "the page has commands");
        var path = Path.Combine(Root, "script.sh");
        await File.WriteAllTextAsync(path, script.ToString());

        // The operator's user reads backups that this process has written.
        foreach (var file in Directory.GetFiles(TargetPath))
            SetMode(file, 0b110_100_100);

        var start = new ProcessStartInfo("bash", [path]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/" };
        if (_cluster.ServerUser is { } user)
            start.UserName = user;
        foreach (var (name, value) in new Dictionary<string, string>(variables)
        {
            ["PATH"] = _cluster.BinDirectory + ":" + Environment.GetEnvironmentVariable("PATH"),
            ["PGHOST"] = connection.Host!,
            ["PGPORT"] = $"{connection.Port}",
            ["PGUSER"] = connection.Username!,
            ["PGPASSWORD"] = connection.Password!,
            ["BACKUPS"] = TargetPath,
            ["SCHEMA"] = Schema,
            ["APP_ROLE"] = "app",
            ["DATABASE"] = connection.Database!,
        })
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        Assert.That(process.ExitCode, Is.Zero, await error + await output);
        return await output;
    }

    private static IEnumerable<string> Commands(IEnumerable<string> page, string part)
    {
        var (inPart, inBlock) = (false, false);
        foreach (var line in page)
        {
            if (line.StartsWith("## ", StringComparison.Ordinal))
                inPart = line.StartsWith($"## {part}.", StringComparison.Ordinal);
            else if (line == "   ```bash")
                inBlock = inPart;
            else if (line == "   ```")
                inBlock = false;
            else if (inBlock)
                yield return line.Length > 3 ? line[3..] : "";
        }
    }

    private static string RepositoryRoot()
    {
        var folder = new DirectoryInfo(TestContext.CurrentContext.TestDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Memory.sln")))
            folder = folder.Parent ?? throw new DirectoryNotFoundException("There is no Memory.sln above the tests.");
        return folder.FullName;
    }
}
