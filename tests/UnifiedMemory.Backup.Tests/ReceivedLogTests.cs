using System.Diagnostics;
using Npgsql;
using UnifiedMemory.Backup.Physical;
using UnifiedMemory.TestSupport;

namespace UnifiedMemory.Backup.Tests;

/// <summary>The other way for the log: a real pg_receivewal into the archive's directory.</summary>
[NonParallelizable]
public sealed class ReceivedLogTests : BackupFixture
{
    private PostgresCluster _cluster = null!;
    private Process _receiver = null!;
    private string _archive = "";

    protected override string ConnectionString => _cluster.ConnectionString;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _archive = Directory.CreateTempSubdirectory("unimem-archive-").FullName;
        SetMode(_archive, 0b111_111_111);
        _cluster = await PostgresCluster.StartAsync();
        using var creating = Receive("--create-slot", "--if-not-exists", "--slot=unifiedmemory");
        await creating.WaitForExitAsync();
        Assert.That(creating.ExitCode, Is.Zero);
        _receiver = Receive($"--directory={_archive}", "--slot=unifiedmemory", "--synchronous", "--no-password");
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_receiver is not null)
        {
            _receiver.Kill(entireProcessTree: true);
            await _receiver.WaitForExitAsync();
            _receiver.Dispose();
        }

        if (_cluster is not null)
            await _cluster.DisposeAsync();
        Directory.Delete(_archive, recursive: true);
    }

    [Test]
    public async Task What_was_received_a_moment_ago_is_restored_from_the_segment_that_is_not_full()
    {
        var backup = NewBackup(options => options.WalArchive = _archive);
        await Eventually.TrueAsync(async () => (await backup.CheckArchivingAsync()).IsWorking, "it is connected");
        var manifest = await backup.TakeAsync(BackupKind.Physical);
        Assert.That((await backup.VerifyAsync(manifest.Id)).Passed);
        await Store.StoreAsync(new NewMemory("a moment ago", MemoryType.Project));
        await ReceivedAsync();

        var report = await backup.VerifyAsync(manifest.Id);
        Assert.That(report.Passed, report.ToString());
        Assert.That(report.Checks.Single(check => check.Name == "wal").Detail, Does.Contain("and the beginning of"));
        Assert.That(report.Checks.Single(check => check.Name == "store").Detail, Is.EqualTo($"opens and counts {Memories + 1} memories"));

        await backup.RestoreServerAsync(manifest.Id, new ServerRestoreOptions { DataDirectory = Path.Combine(Root, "data") });
        await using var restored = await RestoredServer.StartAsync(_cluster, Path.Combine(Root, "data"));
        Assert.That(
            await BackupServer.ScalarAsync<long>($"SELECT count(*) FROM {Schema}.memories WHERE content = 'a moment ago'", restored.ConnectionString), Is.EqualTo(1));
    }

    [Test]
    public async Task A_segment_that_an_archive_command_did_not_finish_is_not_restored()
    {
        var (archive, restored) = (Path.Combine(Root, "it's"), Path.Combine(Root, "restored"));
        Directory.CreateDirectory(archive);
        await File.WriteAllTextAsync(Path.Combine(archive, "000000010000000000000003"), "1234");
        await File.WriteAllTextAsync(Path.Combine(archive, "000000010000000000000004.partial"), "123");
        await File.WriteAllTextAsync(Path.Combine(archive, "000000010000000000000005.partial"), "1234");

        Assert.That(await RestoreAsync("000000010000000000000003"), Is.Zero);
        Assert.That(await RestoreAsync("000000010000000000000004"), Is.Not.Zero);
        Assert.That(await RestoreAsync("000000010000000000000005"), Is.Zero);
        Assert.That(await RestoreAsync("000000010000000000000004"), Is.LessThanOrEqualTo(125), "the end of the log");
        Assert.That(await RestoreAsync("00000002.history"), Is.InRange(1, 125), "there is none");
        restored = Path.Combine(Root, "missing", "restored");
        Assert.That(await RestoreAsync("000000010000000000000003"), Is.GreaterThan(128), "what cannot be copied is not the end");
        Assert.That(await RestoreAsync("000000010000000000000005"), Is.GreaterThan(128), "nor the newest one");
        Directory.Delete(archive, recursive: true);
        Assert.That(await RestoreAsync("000000010000000000000006"), Is.GreaterThan(128), "nor an archive that is not there");

        async Task<int> RestoreAsync(string file)
        {
            var command = RecoverySettings.RestoreCommand(archive, 4)
                .Replace("%f", file, StringComparison.Ordinal).Replace("%p", restored, StringComparison.Ordinal);
            using var process = Process.Start(new ProcessStartInfo("sh", ["-c", command]))!;
            await process.WaitForExitAsync();
            return process.ExitCode;
        }
    }

    [Test]
    public async Task The_log_that_a_backup_in_another_target_needs_is_kept()
    {
        var retention = new RetentionOptions { KeepAllFor = TimeSpan.Zero, KeepAtLeast = 1 };
        var one = NewBackup(options => (options.WalArchive, options.Retention) = (_archive, retention));
        var two = NewBackup(options => (options.WalArchive, options.Retention, options.Target) =
            (_archive, retention, new DirectoryBackupTarget(Path.Combine(Root, "target two"))));
        await Eventually.TrueAsync(async () => (await one.CheckArchivingAsync()).IsWorking, "it is connected");
        var first = await one.TakeAsync(BackupKind.Physical);
        await BackupServer.ExecuteAsync("SELECT pg_logical_emit_message(true, 'test', 'x'), pg_switch_wal()", ConnectionString);
        await Eventually.TrueAsync(() => File.Exists(Path.Combine(_archive, first.FirstWalFile!)), "it is received");
        var marker = Directory.GetFiles(_archive, first.FirstWalFile + ".????????.backup").Single();
        Assert.That(await File.ReadAllTextAsync(marker), Does.StartWith($"LABEL: {first.Id} "));

        Assert.That((await two.RunAsync(BackupKind.Physical))!.Passed);
        Assert.That(File.Exists(Path.Combine(_archive, first.FirstWalFile!)), "the first one needs it");
        Assert.That((await one.VerifyAsync(first.Id)).Passed);

        foreach (var foreign in Directory.GetFiles(_archive, "*.backup").Where(path => string.CompareOrdinal(path, marker) < 0))
            File.Delete(foreign); // of other tests
        Assert.That((await one.RunAsync(BackupKind.Physical))!.Passed);
        await two.ApplyRetentionAsync();
        Assert.That(File.Exists(Path.Combine(_archive, first.FirstWalFile!)), Is.False, "nobody needs it");
        Assert.That(File.Exists(marker), Is.False);
    }

    private Task ReceivedAsync() => Eventually.TrueAsync(
        () => BackupServer.ScalarAsync<bool>(
            "SELECT coalesce(bool_or(flush_lsn >= pg_current_wal_lsn()), false) FROM pg_stat_replication WHERE application_name = 'pg_receivewal'", ConnectionString),
        "everything is received");

    private Process Receive(params string[] arguments)
    {
        var connection = new NpgsqlConnectionStringBuilder(ConnectionString);
        var start = new ProcessStartInfo(Path.Combine(_cluster.BinDirectory, "pg_receivewal"), arguments)
        {
            WorkingDirectory = "/",
            Environment =
            {
                ["PGHOST"] = connection.Host,
                ["PGPORT"] = $"{connection.Port}",
                ["PGUSER"] = connection.Username,
                ["PGPASSWORD"] = connection.Password,
            },
        };
        if (_cluster.ServerUser is { } user)
            start.UserName = user;
        return Process.Start(start)!;
    }
}
