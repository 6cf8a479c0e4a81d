using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using UnifiedMemory.Backup.Dumping;
using UnifiedMemory.Backup.Physical;
using UnifiedMemory.Backup.Programs;
using UnifiedMemory.TestSupport;

namespace UnifiedMemory.Backup.Tests;

/// <summary>Base backups of a server that archives its log, and recovery from them.</summary>
[NonParallelizable]
public sealed class PhysicalBackupTests : BackupFixture
{
    private PostgresCluster _cluster = null!;
    private string _archive = "";

    protected override string ConnectionString => _cluster.ConnectionString;

    [OneTimeSetUp]
    public async Task StartClusterAsync()
    {
        _archive = Directory.CreateTempSubdirectory("unimem-archive-").FullName;
        SetMode(_archive, 0b111_111_111); // the server's user writes
        _cluster = await PostgresCluster.StartAsync(new Dictionary<string, string>
        {
            ["archive_mode"] = "on",
            ["archive_command"] = WalArchiving.ArchiveCommand(_archive),
        });
    }

    [OneTimeTearDown]
    public async Task StopClusterAsync()
    {
        if (_cluster is not null)
            await _cluster.DisposeAsync();
        Directory.Delete(_archive, recursive: true);
    }

    [Test]
    public async Task A_server_is_restored_to_a_moment_between_two_states_or_to_the_end_and_never_beyond_it()
    {
        var backup = NewPhysical();
        var manifest = await backup.TakeAsync(BackupKind.Physical);
        await Store.StoreAsync(new NewMemory("before the mistake", MemoryType.Project));
        var between = await ScalarAsync<DateTime>("SELECT clock_timestamp()");
        await Store.DeleteManyAsync(new MemoryFilter { Namespace = "*" });
        await ArchiveAsync();

        var before = await backup.RestoreServerAsync(manifest.Id, To("before", between));
        Assert.That(Detail(before, "store"), Is.EqualTo($"opens and counts {Memories + 1} memories"), before.ToString());
        var end = await backup.RestoreServerAsync(manifest.Id, To("end", null));
        Assert.That(Detail(end, "store"), Is.EqualTo("opens and counts 0 memories"), end.ToString());
        Assert.That(
            () => backup.RestoreServerAsync(manifest.Id, To("beyond", between.AddHours(1))),
            Throws.InstanceOf<UnifiedMemoryException>().With.Message.Contains("the write-ahead log ends before"));

        await using var restored = await RestoredServer.StartAsync(_cluster, Path.Combine(Root, "before"));
        Assert.That(
            await BackupServer.ScalarAsync<long>($"SELECT count(*) FROM {Schema}.memories WHERE content = 'before the mistake'", restored.ConnectionString),
            Is.EqualTo(1), "the directory is a server's, which starts as any other");
        Assert.That(await BackupServer.ScalarAsync<string>("SHOW hot_standby", restored.ConnectionString), Is.EqualTo("on"), "nothing of the recovery's settings stays");
    }

    [Test]
    public async Task A_moment_before_the_backup_was_finished_is_refused()
    {
        var during = DateTime.MinValue;
        var manifest = await NewBackup(options => options.Target = new HeldTarget(
            options.Target!, ".tar.gz", async _ => during = await ScalarAsync<DateTime>("SELECT clock_timestamp()"))).TakeAsync(BackupKind.Physical);
        await Store.DeleteManyAsync(new MemoryFilter { Namespace = "*" });
        await ArchiveAsync();

        Assert.That(
            () => NewPhysical().RestoreServerAsync(manifest.Id, To("during", during)),
            Throws.ArgumentException.With.Message.Contains("take an older backup"));
    }

    [TestCase(1)]
    [TestCase(0)]
    public async Task A_base_backup_is_verified_by_recovering_from_it(int compression)
    {
        var backup = NewBackup(options => (options.WalArchive, options.CompressionLevel) = (_archive, compression));
        var manifest = await backup.TakeAsync(BackupKind.Physical);
        var report = await backup.VerifyAsync(manifest.Id);

        TestContext.Out.WriteLine(report);
        Assert.That(report.Passed, report.ToString());
        Assert.That(Detail(report, "archive"), Does.Contain("PostgreSQL's own manifest"));
        Assert.That(report.Checks.Select(check => check.Outcome), Is.All.EqualTo(CheckOutcome.Passed), report.ToString());
        Assert.That(manifest.FirstWalFile, Does.Match("^00000001[0-9A-F]{16}$"));
        Assert.That(Directory.GetFileSystemEntries(WorkPath), Is.Empty);
    }

    [Test]
    public async Task A_store_that_was_migrated_after_the_backup_is_recovered_as_it_is_now_and_one_before_it_as_it_was()
    {
        var latest = (await Store.GetMigrationStatusAsync()).Applied[^1];
        await Store.MigrateDownAsync(latest - 1);
        var backup = NewPhysical();
        var manifest = await backup.TakeAsync(BackupKind.Physical);
        await BackupServer.ExecuteAsync("SELECT pg_logical_emit_message(true, 'test', 'x')", ConnectionString);
        var older = await ScalarAsync<DateTime>("SELECT clock_timestamp()");
        await Store.MigrateAsync();
        await ArchiveAsync();

        var report = await backup.VerifyAsync(manifest.Id);
        Assert.That(report.Passed, report.ToString());
        Assert.That(Detail(report, "versions"), Does.EndWith("changed in the log after the backup: schema version"));
        var restored = await backup.RestoreServerAsync(manifest.Id, To("older", older));
        Assert.That(Detail(restored, "store"), Does.Contain("call MigrateAsync() next"));
    }

    [Test]
    public async Task A_restore_that_is_cancelled_while_the_server_starts_leaves_no_server()
    {
        var backup = NewPhysical();
        var manifest = await backup.TakeAsync(BackupKind.Physical);
        using var cancelling = new CancellationTokenSource();
        var data = Path.Combine(Root, "cancelled");

        var restoring = backup.RestoreServerAsync(manifest.Id, To("cancelled", null), new Told(told =>
        {
            if (told.Phase == BackupPhase.Restoring)
                cancelling.Cancel();
        }), cancelling.Token);

        Assert.That(() => restoring.WaitAsync(TimeSpan.FromSeconds(30)), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(Process.GetProcessesByName("postgres").Select(process => ReadCommandLine(process.Id)), Has.None.Contain(data));
    }

    [Test]
    public async Task A_damaged_base_backup_is_refused_by_pg_verifybackup()
    {
        var backup = NewPhysical();
        var manifest = await backup.TakeAsync(BackupKind.Physical);
        var (data, unpacked) = (Path.Combine(TargetPath, manifest.FileName), Path.Combine(Root, "unpacked"));
        Directory.CreateDirectory(unpacked);
        await using (var tar = new GZipStream(File.OpenRead(data), CompressionMode.Decompress))
            await TarFile.ExtractToDirectoryAsync(tar, unpacked, overwriteFiles: false);
        var victim = Directory.GetFiles(Path.Combine(unpacked, "base"), "1259", SearchOption.AllDirectories)[0];
        var bytes = await File.ReadAllBytesAsync(victim);
        bytes[5000] ^= 1;
        await File.WriteAllBytesAsync(victim, bytes);
        await using (var tar = new GZipStream(File.Create(data), CompressionLevel.Fastest))
            await TarFile.CreateFromDirectoryAsync(unpacked, tar, includeBaseDirectory: false);
        var path = Path.Combine(TargetPath, manifest.Id + ".manifest.json");
        var json = JsonNode.Parse(await File.ReadAllTextAsync(path))!;
        json["bytes"] = new FileInfo(data).Length;
        json["sha256"] = Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(data)));
        await File.WriteAllTextAsync(path, json.ToJsonString());

        var report = await backup.VerifyAsync(manifest.Id);

        Assert.That(report.Failure, Does.Contain($"pg_verifybackup refuses {manifest.FileName}").And.Contain(Path.GetFileName(victim)));
    }

    [Test]
    public async Task A_server_is_never_restored_over_something_and_a_moment_needs_the_log()
    {
        var backup = NewBackup();
        var manifest = await backup.TakeAsync(BackupKind.Physical);

        Assert.That(
            () => backup.RestoreServerAsync(manifest.Id, new ServerRestoreOptions { DataDirectory = TargetPath }),
            Throws.ArgumentException.With.Message.Contains("not empty"));
        Assert.That(
            () => backup.RestoreServerAsync(manifest.Id, To("moment", DateTime.UtcNow)),
            Throws.ArgumentException.With.Message.Contains("WalArchive"));
    }

    [Test]
    public async Task Retention_keeps_the_log_that_a_kept_backup_needs_and_removes_older()
    {
        var backup = NewBackup(options =>
        {
            options.WalArchive = _archive;
            options.Retention = new RetentionOptions { KeepAllFor = TimeSpan.Zero, KeepAtLeast = 1 };
        });
        await ArchiveAsync();
        foreach (var path in Directory.GetFiles(_archive, "*.backup"))
            File.Delete(path); // of the stores of other tests
        var first = await backup.TakeAsync(BackupKind.Physical);
        Assert.That((await backup.VerifyAsync(first.Id)).Passed);
        await ArchiveAsync();
        Assert.That(Archived, Has.Some.StartsWith(first.FirstWalFile!).And.EndsWith(".backup"), "a backup leaves its label");
        var other = Path.Combine(_archive, first.FirstWalFile + ".00FFFFFF.backup");
        await File.WriteAllTextAsync(other, $"START TIME: now\nLABEL: {first.Id} 00000000\n");
        Assert.That(Archived, Does.Contain(first.FirstWalFile));

        Assert.That((await backup.RunAsync(BackupKind.Physical))!.Passed);

        var kept = await backup.GetManifestAsync((await backup.ListAsync()).Single().Id);
        Assert.That(kept.Id, Is.Not.EqualTo(first.Id));
        Assert.That(Archived, Does.Contain(first.FirstWalFile), "a backup of another store needs it");
        File.Delete(other);
        await backup.ApplyRetentionAsync();
        Assert.That(Archived, Does.Not.Contain(first.FirstWalFile));
        await ArchiveAsync();
        Assert.That(Archived, Does.Contain(kept.FirstWalFile));
        Assert.That((await backup.VerifyAsync(kept.Id)).Passed, "with the log that is left");
    }

    [TestCase("another target")]
    [TestCase("before labels told the target")]
    public async Task Two_targets_of_a_store_share_one_archive_and_each_keeps_what_it_needs(string label)
    {
        var retention = new RetentionOptions { KeepAllFor = TimeSpan.Zero, KeepAtLeast = 1 };
        var one = NewBackup(options => (options.WalArchive, options.Retention) = (_archive, retention));
        var two = NewBackup(options => (options.WalArchive, options.Retention, options.Target) =
            (_archive, retention, new DirectoryBackupTarget(Path.Combine(Root, "target two"))));
        await ArchiveAsync();
        foreach (var path in Directory.GetFiles(_archive, "*.backup"))
            File.Delete(path);
        var first = await one.TakeAsync(BackupKind.Physical);
        await ArchiveAsync();
        var labelFile = Path.Combine(_archive, Archived.Single(name => name.EndsWith(".backup", StringComparison.Ordinal)));
        if (label != "another target")
        {
            await using var session = await BackupSession.TryOpenAsync(new ServerAddress(ConnectionString), Schema, CancellationToken.None);
            await File.WriteAllTextAsync(labelFile, $"LABEL: {first.Id} {session!.Store}\n");
        }

        Assert.That((await two.RunAsync(BackupKind.Physical))!.Passed);

        Assert.That(Archived, label == "another target" ? Does.Contain(first.FirstWalFile) : Does.Not.Contain(first.FirstWalFile));
        if (label == "another target")
            Assert.That((await one.VerifyAsync(first.Id)).Passed);
    }

    [Test]
    public async Task An_archiver_that_fails_is_an_alarm()
    {
        var backup = NewPhysical();
        Assert.That((await backup.CheckArchivingAsync()).IsWorking);
        try
        {
            await BackupServer.ExecuteAsync("ALTER SYSTEM SET archive_command = 'false'", ConnectionString);
            await BackupServer.ExecuteAsync("SELECT pg_reload_conf(), pg_logical_emit_message(false, 'test', 'x'), pg_switch_wal()", ConnectionString);
            WalArchivingReport? report = null;
            await Eventually.TrueAsync(async () => !(report = await backup.CheckArchivingAsync()).IsWorking, "the archiver fails");
            Assert.That(report!.Problems.Single(), Does.Match("^archiving [0-9A-F]{24} fails"));
        }
        finally
        {
            await BackupServer.ExecuteAsync("ALTER SYSTEM RESET archive_command", ConnectionString);
            await BackupServer.ExecuteAsync("SELECT pg_reload_conf()", ConnectionString);
            await Eventually.TrueAsync(async () => (await backup.CheckArchivingAsync()).IsWorking, "the archiver works again");
        }
    }

    [Test]
    public async Task A_server_that_does_not_archive_is_told_the_exact_configuration()
    {
        var store = new UnifiedMemoryOptions { ConnectionString = BackupServer.ConnectionString, SchemaPrefix = Prefix };
        var options = NewOptions();
        options.WalArchive = _archive;

        var report = await StoreBackup.Create(store, options).CheckArchivingAsync();

        Assert.That(report.Problems, Is.EqualTo(new[] { "archive_mode is off" }));
        Assert.That(report.Configuration, Does.Contain("archive_mode = on").And.Contain($"archive_command = 'if test -f \"{_archive}/%f\""));
    }

    [Test]
    public async Task The_archive_command_never_overwrites()
    {
        var (source, archive) = (Path.Combine(Root, "segment"), Path.Combine(Root, "archive it's"));
        Directory.CreateDirectory(archive);
        await File.WriteAllTextAsync(source, "one");
        var command = WalArchiving.ArchiveCommand(archive).Replace("%p", source, StringComparison.Ordinal).Replace("%f", "000000010000000000000001", StringComparison.Ordinal);

        Assert.That(await ShellAsync(command), Is.Zero);
        Assert.That(await ShellAsync(command), Is.Zero, "the same again is none");
        await File.WriteAllTextAsync(source, "two");
        Assert.That(await ShellAsync(command), Is.Not.Zero);
        Assert.That(await File.ReadAllTextAsync(Path.Combine(archive, "000000010000000000000001")), Is.EqualTo("one"));
        Assert.That(Directory.GetFiles(archive), Has.Length.EqualTo(1));
    }

    private static string ReadCommandLine(int process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/cmdline");
        }
        catch (IOException)
        {
            return ""; // it has ended
        }
    }

    private sealed class Told(Action<BackupProgress> tell) : IProgress<BackupProgress>
    {
        public void Report(BackupProgress value) => tell(value);
    }

    private string[] Archived => [.. Directory.GetFiles(_archive).Select(path => Path.GetFileName(path)!)];

    private static string Detail(VerificationReport report, string check) => report.Checks.Single(one => one.Name == check).Detail;

    private static async Task<int> ShellAsync(string command)
    {
        using var process = Process.Start(new ProcessStartInfo("sh", ["-c", command]) { RedirectStandardError = true })!;
        await process.WaitForExitAsync();
        return process.ExitCode;
    }

    private StoreBackup NewPhysical() => NewBackup(options => options.WalArchive = _archive);

    private ServerRestoreOptions To(string directory, DateTime? time) => new()
    {
        DataDirectory = Path.Combine(Root, directory),
        TargetTime = time,
    };

    private Task<T> ScalarAsync<T>(string sql) => BackupServer.ScalarAsync<T>(sql, ConnectionString);

    /// <summary>Everything up to now is in the archive when it returns.</summary>
    private async Task ArchiveAsync()
    {
        var file = await ScalarAsync<string>("SELECT pg_walfile_name(pg_current_wal_lsn())");
        await BackupServer.ExecuteAsync("SELECT pg_logical_emit_message(true, 'test', 'x'), pg_switch_wal()", ConnectionString);
        await Eventually.TrueAsync(() => File.Exists(Path.Combine(_archive, file)), $"{file} is archived");
    }
}
