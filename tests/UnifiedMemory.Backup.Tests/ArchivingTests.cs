using System.Diagnostics;
using Microsoft.Extensions.Logging;
using UnifiedMemory.Backup.Physical;
using UnifiedMemory.TestSupport;

namespace UnifiedMemory.Backup.Tests;

/// <summary>That the log is archived is watched, and what is archived is kept as long as a backup needs it.</summary>
[NonParallelizable]
public sealed class ArchivingTests : ArchivingFixture
{
    [Test]
    public async Task Retention_keeps_the_log_that_a_kept_backup_needs_and_removes_older()
    {
        var options = NewOptions();
        options.WalArchive = Archive;
        options.Retention = new RetentionOptions { KeepAllFor = TimeSpan.Zero, KeepAtLeast = 1 };
        var lines = new List<string>();
        using var logger = new ListLogger(lines);
        using var factory = LoggerFactory.Create(logging => logging.AddProvider(logger));
        var backup = StoreBackup.Create(StoreOptions(), options, factory);
        await ArchiveAsync();
        foreach (var path in Directory.GetFiles(Archive, "*.backup"))
            File.Delete(path); // of the stores of other tests
        var first = await backup.TakeAsync(BackupKind.Physical);
        Assert.That((await backup.VerifyAsync(first.Id)).Passed);
        await ArchiveAsync();
        Assert.That(Archived, Has.Some.StartsWith(first.FirstWalFile!).And.EndsWith(".backup"), "a backup leaves its label");
        var other = Path.Combine(Archive, first.FirstWalFile + ".00FFFFFF.backup");
        await File.WriteAllTextAsync(other, $"START TIME: now\nLABEL: {first.Id} 00000000\n");
        Assert.That(Archived, Does.Contain(first.FirstWalFile));

        Assert.That((await backup.RunAsync(BackupKind.Physical))!.Passed);

        var kept = await backup.GetManifestAsync((await backup.ListAsync()).Single().Id);
        Assert.That(kept.Id, Is.Not.EqualTo(first.Id));
        Assert.That(Archived, Does.Contain(first.FirstWalFile), "a backup of another store needs it");
        Assert.That(lines, Has.Some.Contains(other).And.Contain("delete this file"), "and that is told");
        File.Delete(other);
        lines.Clear();
        await backup.ApplyRetentionAsync();
        Assert.That(lines, Has.None.Contain("delete this file"));
        Assert.That(Archived, Does.Not.Contain(first.FirstWalFile));
        await ArchiveAsync();
        Assert.That(Archived, Does.Contain(kept.FirstWalFile));
        Assert.That((await backup.VerifyAsync(kept.Id)).Passed, "with the log that is left");
    }

    [Test]
    public async Task Two_targets_of_a_store_share_oneArchive_and_each_keeps_what_it_needs()
    {
        var retention = new RetentionOptions { KeepAllFor = TimeSpan.Zero, KeepAtLeast = 1 };
        var one = NewBackup(options => (options.WalArchive, options.Retention) = (Archive, retention));
        var two = NewBackup(options => (options.WalArchive, options.Retention, options.Target) =
            (Archive, retention, new DirectoryBackupTarget(Path.Combine(Root, "target two"))));
        await ArchiveAsync();
        foreach (var path in Directory.GetFiles(Archive, "*.backup"))
            File.Delete(path);
        var first = await one.TakeAsync(BackupKind.Physical);
        await ArchiveAsync();

        Assert.That((await two.RunAsync(BackupKind.Physical))!.Passed);

        Assert.That(Archived, Does.Contain(first.FirstWalFile));
        Assert.That((await one.VerifyAsync(first.Id)).Passed);
    }

    [Test]
    public async Task A_target_under_another_path_keeps_its_own_backups()
    {
        var retention = new RetentionOptions { KeepAllFor = TimeSpan.Zero, KeepAtLeast = 1 };
        await ArchiveAsync();
        foreach (var path in Directory.GetFiles(Archive, "*.backup"))
            File.Delete(path);
        var first = await NewPhysical().TakeAsync(BackupKind.Physical);
        await ArchiveAsync();
        Assert.That(Archived, Has.Some.StartsWith(first.FirstWalFile!).And.EndsWith(".backup"));
        var path2 = Path.Combine(Root, "moved");
        Directory.Move(TargetPath, path2);
        var moved = NewBackup(options => (options.WalArchive, options.Retention, options.Target) = (Archive, retention, new DirectoryBackupTarget(path2)));

        Assert.That((await moved.RunAsync(BackupKind.Physical))!.Passed);

        Assert.That(Archived, Has.None.StartsWith(first.FirstWalFile!));
    }

    [Test]
    public async Task AnArchiver_that_fails_is_an_alarm()
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
    public async Task A_server_that_does_notArchive_is_told_the_exact_configuration()
    {
        var store = new UnifiedMemoryOptions { ConnectionString = BackupServer.ConnectionString, SchemaPrefix = Prefix };
        var options = NewOptions();
        options.WalArchive = Archive;

        var report = await StoreBackup.Create(store, options).CheckArchivingAsync();

        Assert.That(report.Problems, Is.EqualTo(new[] { "archive_mode is off" }));
        Assert.That(report.Configuration, Does.Contain("archive_mode = on").And.Contain($"archive_command = 'if test -f \"{Archive}/%f\""));
    }

    [Test]
    public async Task A_server_without_replication_slots_is_told()
    {
        await using var cluster = await PostgresCluster.StartAsync(new Dictionary<string, string> { ["max_replication_slots"] = "0" });

        var report = await StoreBackup.Create(new UnifiedMemoryOptions { ConnectionString = cluster.ConnectionString }, NewOptions()).CheckArchivingAsync();

        Assert.That(report.Problems, Has.Some.StartsWith("max_replication_slots is 0"));
        Assert.That(report.Configuration, Does.Contain("max_replication_slots = 10"));
    }

    [Test]
    public async Task TheArchive_command_never_overwrites()
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

    private static async Task<int> ShellAsync(string command)
    {
        using var process = Process.Start(new ProcessStartInfo("sh", ["-c", command]) { RedirectStandardError = true })!;
        await process.WaitForExitAsync();
        return process.ExitCode;
    }
}
